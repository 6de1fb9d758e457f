"""Store of the journal in a SQLite file."""
