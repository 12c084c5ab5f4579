"""Plain JSON values <-> frozen dataclasses, strictly and with the standard library alone.

The server validates the same classes with pydantic; Slicer's Python has no pydantic, so the light part
checks the same rules here: no unknown keys, no missing keys, no silent conversions, no NaN or infinity.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any, Dict, Literal, Type, TypeVar, Union, get_args, get_origin, get_type_hints

from her2_core.errors import BadInput, CaseError

T = TypeVar("T")

_NAMES = {
    dict: "an object",
    list: "a list",
    str: "a text",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
}


def encode(value: Any) -> Any:
    """Dataclasses, tuples and dicts to JSON-ready values (dicts, lists, numbers, texts)."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: encode(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, (list, tuple)):
        return [encode(v) for v in value]
    if isinstance(value, dict):
        return {k: encode(v) for k, v in value.items()}
    return value


def decode(cls: Type[T], value: Any, where: str = "") -> T:
    """JSON value to dataclass `cls`.

    Args:
        cls: a dataclass whose fields are typed with str, int, float, bool, Literal, Optional, tuple, dict, dataclasses.
        value: what `json.loads` returned.
        where: name of the root in messages, e.g. "case".

    Raises:
        CaseError: wrong type, unknown or missing key, non-finite number, or a rule of `cls` broken;
            `where` names the exact place, e.g. "case.lesions[2].organ".
    """
    result: T = _decode(cls, value, where or cls.__name__.lower())
    return result


def _decode(kind: Any, value: Any, where: str) -> Any:
    origin = get_origin(kind)
    if kind is Any:
        return value
    if dataclasses.is_dataclass(kind):
        return _decode_dataclass(kind, value, where)
    if origin is Union:
        return _decode_optional(kind, value, where)
    if origin is Literal:
        if not isinstance(value, str) or value not in get_args(kind):
            raise CaseError(f"must be one of {', '.join(map(str, get_args(kind)))}", where=where)
        return value
    if origin is tuple:
        return _decode_tuple(get_args(kind), value, where)
    if origin is dict:
        return _decode_dict(get_args(kind), value, where)
    return _decode_scalar(kind, value, where)


def _decode_dataclass(kind: Any, value: Any, where: str) -> Any:
    if not isinstance(value, dict):
        raise CaseError(f"must be an object, not {_name(value)}", where=where)
    fields = {f.name: f for f in dataclasses.fields(kind)}
    unknown = sorted(str(k) for k in value.keys() - fields.keys())
    if unknown:
        raise CaseError(f"unknown key {unknown[0]!r}; known: {', '.join(fields)}", where=where)
    hints = get_type_hints(kind)
    arguments: Dict[str, Any] = {}
    for name, field in fields.items():
        if name in value:
            arguments[name] = _decode(hints[name], value[name], f"{where}.{name}")
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise CaseError(f"key {name!r} is missing", where=where)
    try:
        return kind(**arguments)
    except BadInput as error:
        raise CaseError(error.what, where=_join(where, error.where), hint=error.hint) from None


def _decode_optional(kind: Any, value: Any, where: str) -> Any:
    if value is None:
        return None
    (inner,) = (a for a in get_args(kind) if a is not type(None))
    return _decode(inner, value, where)


def _decode_tuple(kinds: Any, value: Any, where: str) -> Any:
    if not isinstance(value, (list, tuple)):
        raise CaseError(f"must be a list, not {_name(value)}", where=where)
    if len(kinds) == 2 and kinds[1] is Ellipsis:
        return tuple(_decode(kinds[0], v, f"{where}[{i}]") for i, v in enumerate(value))
    if len(value) != len(kinds):
        raise CaseError(f"must have {len(kinds)} values, not {len(value)}", where=where)
    return tuple(_decode(k, v, f"{where}[{i}]") for i, (k, v) in enumerate(zip(kinds, value)))


def _decode_dict(kinds: Any, value: Any, where: str) -> Any:
    if not isinstance(value, dict):
        raise CaseError(f"must be an object, not {_name(value)}", where=where)
    return {_decode(kinds[0], k, f"{where} key {k!r}"): _decode(kinds[1], v, f"{where}.{k}") for k, v in value.items()}


def _decode_scalar(kind: Any, value: Any, where: str) -> Any:
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = _float(value, where)
    if type(value) is not kind:
        raise CaseError(f"must be {_NAMES.get(kind, str(kind))}, not {_name(value)}", where=where)
    if kind is float and not math.isfinite(value):
        raise CaseError("must be a finite number", where=where)
    return value


def _float(value: int, where: str) -> float:
    try:
        return float(value)
    except OverflowError:
        raise CaseError("must be a finite number", where=where) from None


def _name(value: Any) -> str:
    return "null" if value is None else _NAMES.get(type(value), type(value).__name__)


def _join(outer: str, inner: Any) -> str:
    return f"{outer}.{inner}" if inner else outer
