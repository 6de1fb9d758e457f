"""How one call is made: the only way to the network."""
