"""Frozen classes whose objects are made by the thousand.

A frozen ``__init__`` of attrs goes around the class's ``__setattr__`` for each field: 1,300 instructions.
"""

from __future__ import annotations


def thawed(cls: type) -> type:
    """A subclass of the same layout, for a class with slots: its objects can be changed.

    Set the fields, then ``__class__`` to the class itself.
    """
    # Both of them, or Python looks the one up for every field.
    changing = {"__setattr__": object.__setattr__, "__delattr__": object.__delattr__}
    return type(cls.__name__, (cls,), {"__slots__": (), "__module__": cls.__module__, **changing})
