"""Holds a dashboard to the types of Grafana's own SDK: each field is one that they know, and each value of its type."""

import enum
import json
import sys
import typing

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard


def lost(given, read, at="$"):
    """What is not there any more once the SDK has read and written it: it knows no such field."""
    if isinstance(given, dict) and isinstance(read, dict):
        for name, value in given.items():
            if name in read:
                yield from lost(value, read[name], f"{at}.{name}")
            else:
                yield f"{at}.{name}: there is no such field"
    elif isinstance(given, list) and isinstance(read, list) and len(given) == len(read):
        for number, pair in enumerate(zip(given, read)):
            yield from lost(*pair, f"{at}[{number}]")
    elif given != read:
        yield f"{at}: {given!r} is read as {read!r}"


def is_of(value, hint):
    """Whether a value is of a type, which may be one of several; what is within an object is looked at by itself."""
    several = typing.get_args(hint)
    kind = typing.get_origin(hint) or hint
    if kind in (typing.Union, getattr(__import__("types"), "UnionType", None)):
        return any(is_of(value, one) for one in several)
    if kind in (typing.Any, object) or isinstance(kind, (str, typing.TypeVar)):
        return True
    if kind is typing.Literal:
        return value in several
    if not isinstance(kind, type):
        return True
    if issubclass(kind, enum.Enum):
        return value in [one.value for one in kind] or isinstance(value, kind)
    if kind is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if kind is list:
        return isinstance(value, list) and all(is_of(one, several[0]) for one in value if several)
    return isinstance(value, kind) or not hasattr(kind, "__mro__")


def mistyped(value, at="$"):
    """Fields whose values are of another type than the SDK says."""
    if isinstance(value, list):
        for number, one in enumerate(value):
            yield from mistyped(one, f"{at}[{number}]")
    elif isinstance(value, dict):
        for name, one in value.items():
            yield from mistyped(one, f"{at}.{name}")
    elif type(value).__module__.startswith("grafana_foundation_sdk.models"):
        hints = typing.get_type_hints(type(value))
        for name, one in vars(value).items():
            if one is not None and not is_of(one, hints.get(name, typing.Any)):
                yield f"{at}.{name}: {one!r} is no {hints[name]}"
            yield from mistyped(one, f"{at}.{name}")


register_default_plugins()
with open(sys.argv[1]) as text:
    given = json.load(text)
dashboard = Dashboard.from_json(given)
wrong = [*lost(given, json.loads(JSONEncoder().encode(dashboard))), *mistyped(dashboard)]
for panel in dashboard.panels:
    if not type(panel.options).__module__.startswith("grafana_foundation_sdk.models"):
        wrong.append(f"{panel.title}: there are no panels of type {panel.type_val}")
kinds = {type(target).__module__ for panel in dashboard.panels for target in panel.targets}
if kinds != {"grafana_foundation_sdk.models.prometheus"}:
    wrong.append(f"queries of {kinds}")
sys.exit("\n".join(wrong) or 0)
