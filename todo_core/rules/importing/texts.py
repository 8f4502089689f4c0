"""Texts of a file as they are kept: cleaned, and within their bounds. What is too long is whole in a larger text."""

from __future__ import annotations

from typing import Any, Final

from todo_core import text
from todo_core.models.notes import MAX_NOTES
from todo_core.models.tags import MAX_TAGS
from todo_core.models.todos import MAX_DESCRIPTION, PRIORITIES
from todo_core.rules.importing.items import UNTITLED, Item
from todo_core.text import cleaned, is_visible, name_key

_TITLE: Final = 200
_TAG: Final = 50
_NOTE: Final = 4000
_LIST: Final = 100
_SOURCE: Final = 2000
_KEY: Final = 200
_AUTHOR: Final = 200
_CUT: Final = "…"


def text_columns(item: Item) -> dict[str, Any]:
    """Return the text columns of a todo. A description that is too long is kept whole in a note."""
    title, description = cleaned(item.title), cleaned(item.description or "", several_lines=True)
    if title != item.title.strip() and _letters(title) != _letters(item.title):
        item.changed("title", "It has characters that are not kept.")
    if not is_visible(title):
        title = description.partition("\n")[0][: _TITLE - 1] or UNTITLED
        item.changed("title", "It has no title.")
    if len(title) > _TITLE:
        description = f"{title}\n\n{description}".strip()
        title = title[: _TITLE - 1] + _CUT
        item.changed("title", "It is longer than 200 characters; all of it is in the description.")
    if len(description) > MAX_DESCRIPTION:
        item.notes.insert(0, {"text": description, "author": None, "created_at": None})
        description = description[: MAX_DESCRIPTION - 1] + _CUT
        item.changed("description", "It is longer than 1,000 characters; all of it is in a note.")
    priority = item.priority if item.priority in PRIORITIES else "medium"
    return {
        "title": title,
        "description": description or None,
        "priority": PRIORITIES.index(priority) + 1,
        "key": _key(item),
        "source": _source(item),
    }


def _letters(value: str) -> str:
    """Return a text without white space and composed (NFC), to see whether cleaning it took anything else away."""
    return "".join(cleaned(value).split()) if value.isprintable() else "".join(value.split())


def _key(item: Item) -> str | None:
    if item.key is None:
        return None
    try:
        key = text.key(item.key)
    except ValueError:
        key = ""
    if not 0 < len(key) <= _KEY:
        item.lost("key", "It is no key that can be kept.")
        return None
    return key


def _source(item: Item) -> str | None:
    if not item.source:
        return None
    try:
        source = text.link(item.source)
    except ValueError:
        source = ""
    if not 0 < len(source) <= _SOURCE:
        item.lost("source", "It is no link of the web.")
        return None
    return source


def tag_names(item: Item) -> list[str]:
    """Return the names of the tags of a todo, each once."""
    names: dict[str, str] = {}
    for tag in item.tags:
        name = cleaned(tag)
        if len(name) > _TAG:
            name = name[:_TAG].strip()
            item.changed("tags", "A tag is longer than 50 characters, and is cut.")
        if is_visible(name):
            names.setdefault(name_key(name), name)
    if len(names) > MAX_TAGS:
        item.lost("tags", "A todo has at most 20 tags.")
    return [*names.values()][:MAX_TAGS]


def tag_name(name: str) -> str | None:
    """Return the cleaned name of a tag that the file lists; None if nothing visible is left."""
    kept = cleaned(name)[:_TAG].strip()
    return kept if is_visible(kept) else None


def list_name(name: str) -> str:
    """Return the name of a list."""
    kept = cleaned(name)[:_LIST].strip()
    return kept if is_visible(kept) else UNTITLED


def notes_of(item: Item) -> list[dict[str, Any]]:
    """Return the notes of a todo, as columns; one that is too long is divided into several."""
    notes: list[dict[str, Any]] = []
    for note in item.notes:
        whole = cleaned(str(note["text"]), several_lines=True)
        if len(whole) > _NOTE:
            item.changed("notes", "A note is longer than 4,000 characters, and is several.")
        author = note.get("author")
        said = text.told_name(author, _AUTHOR) if isinstance(author, str) else None
        for start in range(0, len(whole), _NOTE):
            part = whole[start : start + _NOTE].strip()
            if part and text.is_visible(part):
                notes.append({"text": part, "author": said, "created_at": note.get("created_at")})
    if len(notes) > MAX_NOTES:
        item.lost("notes", "A todo has at most 1,000 notes.")
    return notes[:MAX_NOTES]
