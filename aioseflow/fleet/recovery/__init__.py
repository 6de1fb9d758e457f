"""Recovery: runs that have ended, were killed, or are known only to the journal."""
