"""Data of a fleet that every layer of it shares: targets, outcomes, progress, the account protocol."""
