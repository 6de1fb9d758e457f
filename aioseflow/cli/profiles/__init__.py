"""Stored accounts: login, logout, profiles, and which account a command uses."""
