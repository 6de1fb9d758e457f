"""Client, fleet, journal and panel in one loop on a virtual clock, with a seed for everything."""
