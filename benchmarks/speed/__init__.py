"""aioseflow beside what one would write by hand: the same work against the same canned server."""
