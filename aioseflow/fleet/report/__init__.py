"""Reports of runs: as data, as JSON, as text, and compared with another report."""
