"""A JSON schema in the words that the written contracts use, so that a test can compare the two."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

from todo_core.models.users import LANGUAGE_TAG

Schema = Mapping[str, Any]

VISIBLE: Final = r"^[\x21-\x7e]+$"
_POWERS: Final = {2**63 - 1: "2^63-1", float(2**63 - 1): "2^63-1", 2**31 - 1: "2^31-1"}


def resolve(schema: Schema, definitions: Schema) -> Schema:
    """The schema that a reference leads to."""
    while "$ref" in schema:
        schema = definitions[schema["$ref"].rpartition("/")[2]] | {k: v for k, v in schema.items() if k != "$ref"}
    return schema


def not_null(schema: Schema, definitions: Schema) -> tuple[Schema, bool]:
    """The schema without its null alternative, and whether it had one."""
    schema = resolve(schema, definitions)
    if "anyOf" not in schema:
        return schema, False
    alternatives = [one for one in schema["anyOf"] if one != {"type": "null"}]
    if len(alternatives) != 1:
        return schema, False
    rest = {name: value for name, value in schema.items() if name != "anyOf"}
    return {**rest, **resolve(alternatives[0], definitions)}, len(alternatives) < len(schema["anyOf"])


_PATTERNS: Final = {f"^{LANGUAGE_TAG.pattern}$": "language tag", "^[0-9]+$": "digits"}
"""What the patterns of strings are called."""


def flat(schema: Schema, definitions: Schema) -> str:
    """A scalar, or a list of scalars, in words: `string of 1 to 200 characters or null`."""
    schema, nullable = not_null(schema, definitions)
    return _bare(schema, definitions) + (" or null" if nullable else "")


def _bare(schema: Schema, definitions: Schema) -> str:
    if "const" in schema:
        return f"always {schema['const']}"
    if "enum" in schema:
        return "one of " + ", ".join(str(one) for one in schema["enum"])
    kind = schema["type"]
    if kind == "array":
        bounds = _between(schema, "minItems", "maxItems")
        return f"list{' of ' + bounds if bounds else ''}: {flat(schema['items'], definitions)}"
    if kind == "string":
        return _text(schema)
    bounds = _between(schema, "minimum", "maximum")
    return f"{kind} {bounds}" if bounds else str(kind)


def _text(schema: Schema) -> str:
    if "format" in schema:
        return str(schema["format"])
    bounds = _between(schema, "minLength", "maxLength")
    pattern = schema.get("pattern")
    if pattern in (None, VISIBLE):
        return f"string of {bounds}{' visible ASCII' if pattern else ''} characters" if bounds else "string"
    return f"{_PATTERNS[pattern]} of {bounds} characters"


def _between(schema: Schema, low: str, high: str) -> str:
    least, most = schema.get(low), schema.get(high)
    if most is None:
        return "" if least is None else f"at least {least:.0f}"
    words = _POWERS.get(most, f"{most:.0f}")
    return f"up to {words}" if least is None else f"{least:.0f} to {words}"


def field(schema: Schema, definitions: Schema, *, required: bool, incoming: bool) -> str:
    """A field in words: its type, then whether it must be there, or what it is when it is not."""
    words = flat(schema, definitions)
    default = resolve(schema, definitions).get("default")
    if default not in (None, []):
        shown = " ".join(default) if isinstance(default, list) else default
        return f"{words}; default {str(shown).lower() if isinstance(shown, bool) else shown}"
    if required:
        return f"{words}; required" if incoming else words
    return f"{words}; optional"


def outline(schema: Schema, definitions: Schema, named: Collection[str], *, incoming: bool) -> Any:
    """A schema as the contracts write JSON: names, and of each field its type in words.

    Args:
        schema: What to outline.
        definitions: What its references lead to.
        named: Shapes that are written out elsewhere: only their name is shown.
        incoming: Whether callers send it.
    """
    reference = schema.get("$ref", "").rpartition("/")[2]
    if reference in named:
        return reference
    if not is_scalar(schema, definitions) and {"type": "null"} in schema.get("anyOf", ()):
        others = [one for one in schema["anyOf"] if one != {"type": "null"}]
        return {"one of": [*(outline(one, definitions, named, incoming=incoming) for one in others), "null"]}
    schema, nullable = not_null(schema, definitions)
    if "properties" in schema:
        assert not nullable
        return {
            name: _member(one, definitions, named, required=name in schema.get("required", ()), incoming=incoming)
            for name, one in schema["properties"].items()
        }
    if "oneOf" in schema or "anyOf" in schema:
        alternatives = schema.get("oneOf") or schema["anyOf"]
        return {"one of": [outline(one, definitions, named, incoming=incoming) for one in alternatives]}
    return flat(schema, definitions)


def _member(schema: Schema, definitions: Schema, named: Collection[str], *, required: bool, incoming: bool) -> Any:
    inner, nullable = not_null(schema, definitions)
    if inner.get("type") == "array" and not is_scalar(inner["items"], definitions):
        items = outline(inner["items"], definitions, named, incoming=incoming)
        bounds = _between(inner, "minItems", "maxItems")
        words = [f"{bounds} items"] if bounds else []
        words += ["required"] if incoming and required else []
        words += ["optional"] if not required else []
        words += ["or null"] if nullable else []
        return [items, ", ".join(words)] if words else [items]
    if not is_scalar(schema, definitions):
        return outline(schema, definitions, named, incoming=incoming)
    return field(schema, definitions, required=required, incoming=incoming)


def is_scalar(schema: Schema, definitions: Schema) -> bool:
    """Whether `flat` can say it all: no named fields, no alternatives."""
    inner, _ = not_null(schema, definitions)
    if inner.get("type") == "array":
        return is_scalar(inner["items"], definitions)
    return not {"properties", "oneOf", "anyOf"} & inner.keys()


def rows(schema: Schema, prefix: str = "") -> list[tuple[str, str]]:
    """The arguments of a tool as a table's rows: a path, and the field in words."""
    found = []
    for name, one in schema["properties"].items():
        required = name in schema.get("required", ())
        path = prefix + name
        if one.get("type") == "array" and "properties" in one["items"]:
            bounds = _between(one, "minItems", "maxItems")
            found.append((path, f"list of {bounds}: object" + ("; required" if required else "; optional")))
            found += rows(one["items"], f"{path}[].")
        else:
            found.append((path, field(one, {}, required=required, incoming=True)))
    return found
