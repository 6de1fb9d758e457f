"""Plans: what a run is to do, and what it would do to each VM."""
