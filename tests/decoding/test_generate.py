"""The source that is generated for a class is the one that the module's docstring shows."""

from __future__ import annotations

import textwrap

import attrs

from aioseflow.decoding import generate, php
from aioseflow.decoding.adapt import OBJECT_READERS, RARE_KEYS
from aioseflow.decoding.generate import ModelField, source_of
from aioseflow.models import Vm

FIELDS = {
    "id": ModelField("id", "id", ("id",), php.identity, attrs.NOTHING, strict=False),
    "name": ModelField("name", "name", ("name",), php.text, None, strict=False),
    "cores": ModelField("cores", "cores", ("cpus", "cpu"), php.epoch, None, strict=False),
}


def test_the_docstring_shows_the_source_that_is_generated() -> None:
    assert generate.__doc__ is not None
    shown = textwrap.dedent(generate.__doc__[generate.__doc__.index("    def read") :])
    assert source_of(FIELDS).splitlines() == shown.splitlines()


def test_the_whole_object_and_rare_keys_are_read_by_functions() -> None:
    _, read_by_it = OBJECT_READERS[Vm]
    source = source_of({}, reads_whole=True, read_by_it=read_by_it, rare=RARE_KEYS[Vm].keys)
    assert "known, kept, found, model.power, model.power_word = read_whole(value)" in source
    assert "if not all_known and ('ipv4' in value or 'ipv6' in value or 'template_name' in value):" in source
    assert "try:\n        pass\n" in source


def test_a_default_that_is_made_anew_is_made_for_each_object() -> None:
    field = ModelField("extra", "extra", ("extra",), php.texts, attrs.Factory(dict), strict=False)
    assert "model.extra = default_extra.factory()" in source_of({"extra": field})
    assert field.default_value() is not field.default_value()
