"""Store of a journal in memory, for tests and simulations."""
