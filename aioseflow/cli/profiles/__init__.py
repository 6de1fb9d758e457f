"""Accounts that have a name here: login, logout, profiles, and which of them a command uses."""
