"""A second store of journals, in memory, whose doors may suspend: it passes the journal's own tests."""
