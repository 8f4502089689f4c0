"""Take arguments in other spellings, where nothing of them is lost (MC9), and leave out nulls.

Some clients and models send a whole number as `10.0` or `"7"`, and a list or an object as the JSON text of it, also
deep inside another; some send the text of null, and words of Python in place of those of JSON. Many fill each argument
that they do not mean with null.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from todo_core.text.json_text import strict_json

Path = tuple[str | int, ...]
"""The names and indices that lead to a value."""
Nulls = Mapping[Path, frozenset[str]]
"""The names of fields that were null, by the path of the object that they are in; a handler may ask for them."""

_EXACT: Final = 2**53
"""From here on a number that came with a fraction may be another: to many, JSON's numbers are doubles (RFC 8259 §6)."""
_TYPES: Final[dict[str, tuple[type, ...]]] = {
    "integer": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
}
"""What the JSON text of a value of each type reads as."""
_WORDS: Final = {"True": True, "False": False, "None": None, "null": None}
"""What Python writes (https://docs.python.org/3/library/constants.html), and JSON's null, where no text is wanted. In a
text, `null` may be meant (https://github.com/anthropics/claude-code/issues/95239)."""


class Spelling:
    """Reads arguments by the schema of a tool, and remembers which were null."""

    def __init__(self) -> None:
        self.nulls: dict[Path, frozenset[str]] = {}

    def read(self, value: Any, schema: Mapping[str, Any], path: Path = ()) -> Any:
        """Return a value as its schema has it; one of another type as it came, to be refused by name.

        Args:
            value: What was sent.
            schema: Its JSON schema, without references and alternatives.
            path: Where it is.
        """
        kind = schema.get("type", "")
        if isinstance(value, str) and kind in _TYPES:
            value = _from_text(value, _TYPES[kind])
        if kind == "integer":
            return whole(value)
        if kind == "array" and isinstance(value, list):
            if len(value) > schema["maxItems"]:  # it is refused, whatever is in it
                return value
            return [self.read(item, schema["items"], (*path, number)) for number, item in enumerate(value)]
        if kind == "object" and isinstance(value, dict):
            return self._read_object(value, schema["properties"], path)
        return value

    def _read_object(self, value: dict[str, Any], fields: Mapping[str, Any], path: Path) -> dict[str, Any]:
        """Return an object without the known fields that are null. An unknown one stays, and is refused by name."""
        absent = frozenset(name for name, item in value.items() if name in fields and _is_null(item, fields[name]))
        if absent:
            self.nulls[path] = absent
        return {
            name: self.read(item, fields[name], (*path, name)) if name in fields else item
            for name, item in value.items()
            if name not in absent
        }


def _is_null(value: Any, schema: Mapping[str, Any]) -> bool:
    """Return whether a value is null, or the text of it where no text is wanted."""
    if isinstance(value, str) and schema.get("type") in _TYPES:
        return _WORDS.get(value.strip(), value) is None
    return value is None


def _from_text(text: str, types: tuple[type, ...]) -> Any:
    """Return the value whose JSON a text is, if it is of one of these types; else the text."""
    if (word := _WORDS.get(text.strip())) is not None:
        return word if type(word) in types else text
    try:
        value = strict_json(text.encode())
    except ValueError:
        return text
    return value if type(value) in types else text


def whole(value: Any) -> Any:
    """Return a number without a fraction as a whole one."""
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < _EXACT else value


def digits(value: Any) -> Any:
    """Return a whole number as the text of it, for an id that `search` tells as a text and all others as a number."""
    number = whole(value)
    return str(number) if type(number) is int else value
