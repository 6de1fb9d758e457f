"""How the object of a model is made of a parsed one, once it is known what each of its keys means."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

import attrs

from . import php

Hook = Callable[[Any, Any], Any]
Object = dict[Any, Any]

# What needs no call, where a value comes as it mostly does: a call is half of what a field takes.
_DIGITS: Final = "v.__class__ is str and v.isdecimal() and v.isascii() and len(v) < 19"
_AS_CODE: Final[dict[Hook, str]] = {
    php.as_is: "v",
    php.identity: "v if v.__class__ is str and v.isalnum() else {hook}(v, None)",
    php.text: "v if v.__class__ is str else {hook}(v, None)",
    php.flag: "v if v.__class__ is bool else {hook}(v, None)",
    php.whole: f"int(v) if {_DIGITS} else {{hook}}(v, None)",
    php.decimal: f"Decimal(v) if {_DIGITS} else {{hook}}(v, None)",
    php.whole_or_text: f"int(v) if {_DIGITS} else {{hook}}(v, None)",
}


@attrs.frozen
class Finisher:
    """What no single key says: a function of object and parsed one, the fields it sets, the keys it reads."""

    finish: Callable[[Any, Object], None] | None
    sets: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()


def builder(
    cls: type,
    spellings: Mapping[str, tuple[str, ...]],
    hooks: Mapping[str, Hook],
    extra_of: Callable[[Object, frozenset[str]], Object],
    finisher: Finisher | None,
) -> Callable[[Object, Callable[[Object], Object]], Any]:
    """A generated function that makes an object of a parsed one, and is told how to respell that.

    A list of thousands of VMs is nearly all that a fleet decodes. What cattrs generates passes every field by
    name to an ``__init__`` that goes around the frozen class's ``__setattr__`` for each of them: 66,000
    instructions a VM, of 27,000 for all of it by hand. Here an object begins as one of a subclass that is not
    frozen, and ends as one of its class.
    """
    # Both, or Python would look the one up for every field.
    thawed = {"__setattr__": object.__setattr__, "__delattr__": object.__delattr__}
    finisher = finisher or Finisher(None)
    names: dict[str, Any] = {
        "cls": cls,
        "draft": type(cls.__name__, (cls,), {"__slots__": (), **thawed}),
        "new": object.__new__,
        "known": frozenset((*(keys[0] for keys in spellings.values()), *finisher.reads)),
        "extra_of": extra_of,
        "finish": finisher.finish,
        "Decimal": Decimal,
    }
    lines = ["def build(o, respell):"]
    if canonical := [f"o.get({keys[0]!r})" for keys in spellings.values() if len(keys) > 1]:
        lines += [f" if not ({' and '.join(canonical)}):", "  o = respell(o)"]
    lines += [" d = new(draft)", " d.extra = {} if known.issuperset(o) else extra_of(o, known)"]
    for name, (key, *_) in spellings.items():
        if name in finisher.sets:
            continue
        default = getattr(attrs.fields(cls), name).default
        names[f"h_{name}"], names[f"d_{name}"] = hooks[name], default
        read = _AS_CODE.get(hooks[name], "{hook}(v, None)").format(hook=f"h_{name}")
        if default is attrs.NOTHING:
            lines += [f" v = o[{key!r}]", f" d.{name} = {read}"]
        else:
            made = "d_{}.factory()" if isinstance(default, attrs.Factory) else "d_{}"  # type: ignore[arg-type]
            lines += [f" if {key!r} in o:", f"  v = o[{key!r}]", f"  d.{name} = {read}"]
            lines += [" else:", f"  d.{name} = {made.format(name)}"]
    if finisher.finish is not None:
        lines.append(" finish(d, o)")
    lines += [" d.__class__ = cls", " return d"]
    exec("\n".join(lines), names)  # noqa: S102 - of the names and keys of our own classes
    build: Callable[[Object, Callable[[Object], Object]], Any] = names["build"]
    return build
