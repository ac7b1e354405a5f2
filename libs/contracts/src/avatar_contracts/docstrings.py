"""What the docstrings of this package say of structs, their fields and the named types they are made of."""

from __future__ import annotations

import ast
import inspect
import itertools
import re
from types import ModuleType
from typing import NamedTuple

import msgspec

from avatar_contracts import base, session, tts, turn

_FIELD = re.compile(r"(\w+): (.*)")


class Field(NamedTuple):
    """A field as a reader wants it: `default` is empty when the field is required."""

    name: str
    type: str
    default: str
    text: str


def summary(struct: type[msgspec.Struct]) -> str:
    """The docstring of `struct` without its list of attributes, as one paragraph."""
    text, _, _ = (inspect.getdoc(struct) or "").partition("\nAttributes:")
    return " ".join(text.split())


def fields(struct: type[msgspec.Struct], *, inherited: bool = False) -> list[Field]:
    """The fields of `struct`: type as written, default, and what the docstring says of it.

    Args:
        struct: An event or a part of one.
        inherited: Take those of its bases as well.
    """
    said: dict[str, str] = {}
    written: dict[str, str] = {}
    for cls in reversed(struct.__mro__):
        said |= _attributes(cls)
        written |= {name: str(text).replace("msgspec.Meta", "") for name, text in inspect.get_annotations(cls).items()}
    own = inspect.get_annotations(struct)
    return [
        Field(field.name, written[field.name], _default(field), said.get(field.name, ""))
        for field in msgspec.structs.fields(struct)
        if inherited or field.name in own
    ]


def _attributes(struct: type) -> dict[str, str]:
    _, _, listed = (struct.__doc__ or "").partition("Attributes:\n")
    found: dict[str, str] = {}
    name = ""
    for line in inspect.cleandoc(listed).splitlines():
        if (match := _FIELD.fullmatch(line)) is not None:
            name = match[1]
            found[name] = match[2]
        elif name:
            found[name] += f" {line.strip()}"
    return found


def _default(field: msgspec.structs.FieldInfo) -> str:
    if field.required:
        return ""
    return f"{type(field.default).__name__}()" if isinstance(field.default, msgspec.Struct) else repr(field.default)


def named_types() -> dict[str, tuple[str, str]]:
    """Name → (definition, docstring) of the types that fields are written with."""
    found: dict[str, tuple[str, str]] = {}
    for module in (base, session, turn, tts):
        found |= _documented_names(module)
    return found


def _documented_names(module: ModuleType) -> dict[str, tuple[str, str]]:
    """Module-level names with a string below them. Python keeps no such docstrings, so the source is read."""
    body = ast.parse(inspect.getsource(module)).body
    found = {}
    for node, below in itertools.pairwise(body):
        target = (
            node.target
            if isinstance(node, ast.AnnAssign)
            else node.targets[0]
            if isinstance(node, ast.Assign)
            else None
        )
        if (
            isinstance(node, ast.AnnAssign | ast.Assign)
            and isinstance(target, ast.Name)
            and node.value is not None
            and isinstance(below, ast.Expr)
            and isinstance(below.value, ast.Constant)
        ):
            found[target.id] = (
                ast.unparse(node.value).replace("msgspec.Meta", ""),
                " ".join(str(below.value.value).split()),
            )
    return found
