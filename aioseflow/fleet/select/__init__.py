"""Selections: the ``where`` language, ids, exclusions and guards."""
