"""Run execution: act on the targets of a run until each one has its outcome."""
