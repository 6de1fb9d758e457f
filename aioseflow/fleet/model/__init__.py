"""Data that all layers of a fleet share: targets, outcomes, progress, the account protocol."""
