"""Completion in shells: scripts, answers, candidates, and the names that were listed before."""
