"""Everything that a person has, as the database has it, and what of it a task says should be otherwise."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import asyncpg

State = dict[str, list[dict[str, Any]]]
"""Rows by kind: `todos`, `lists`, `tags`, `proposals` that wait, one `profile`; and in `order` siblings, and the lists,
as they stand by hand: names by id. Of a row, only what is not empty."""

READ: Final = """
WITH person AS (SELECT * FROM users WHERE subject = $1),
mine AS (
    SELECT todos.*, lists.name AS list, parent.title AS parent
    FROM person JOIN todos ON todos.user_id = person.id JOIN lists ON lists.id = todos.list_id
    LEFT JOIN todos AS parent ON parent.id = todos.parent_id
)
SELECT json_build_object(
    'todos', (SELECT json_agg(json_build_object(
        'title', title, 'list', list, 'parent', parent, 'description', description, 'key', key, 'source', source,
        'priority', CASE priority WHEN 2 THEN NULL ELSE (ARRAY['low', 'medium', 'high', 'urgent'])[priority] END,
        'start', start, 'repeat', repeat ->> 'words',
        'due', CASE WHEN due_date IS NULL THEN to_char(due_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI"Z"')
               ELSE concat_ws(' ', due_date, to_char(due_time, 'HH24:MI')) END,
        'done', completed_at IS NOT NULL, 'trashed', deleted_at IS NOT NULL,
        'tags', ARRAY(SELECT name FROM todo_tags JOIN tags ON tags.id = tag_id
                      WHERE todo_id = mine.id AND tags.deleted_at IS NULL ORDER BY name),
        'notes', ARRAY(SELECT text FROM notes WHERE todo_id = mine.id ORDER BY id)
    ) ORDER BY id) FROM mine),
    'lists', (SELECT json_agg(json_build_object(
        'name', name, 'color', nullif(colour, 'grey'), 'archived', archived_at IS NOT NULL,
        'deleted', lists.deleted_at IS NOT NULL
    ) ORDER BY position, lists.id) FROM lists JOIN person ON person.id = lists.user_id),
    'tags', (SELECT json_agg(json_build_object('name', name, 'deleted', tags.deleted_at IS NOT NULL) ORDER BY name)
             FROM tags JOIN person ON person.id = tags.user_id),
    'proposals', (SELECT json_agg(json_build_object(
        'operation', operation, 'rows', ARRAY(SELECT shown_row ->> 'title' FROM json_array_elements(shown) AS shown_row)
    ) ORDER BY proposals.id) FROM proposals JOIN person ON person.id = proposals.user_id WHERE decision IS NULL),
    'profile', (SELECT json_agg(json_build_object(
        'display_name', display_name, 'time_zone', time_zone, 'locale', locale, 'week_start', week_start,
        'new_todos', new_todos, 'default_list', (SELECT name FROM lists WHERE lists.id = default_list_id)
    )) FROM person),
    'order', (SELECT json_agg(siblings) FROM (
        SELECT json_object_agg('todo ' || id, title ORDER BY place, id) AS siblings FROM mine GROUP BY list, parent_id
        UNION ALL SELECT json_object_agg('list ' || lists.id, name ORDER BY position, lists.id)
                  FROM lists JOIN person ON person.id = lists.user_id
    ) AS groups)
)
"""
_NAMES: Final = {"todos": "title", "lists": "name", "tags": "name", "proposals": "operation"}


async def read(database: asyncpg.Connection[Any], subject: str) -> State:
    """Return the state of a person, seen by the owner of the database: no policy hides a row."""
    found = json.loads(await database.fetchval(READ, subject))
    return {kind: [_filled(row) for row in rows or ()] for kind, rows in found.items()}


def _filled(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if value not in (None, False, "", [])}


def wrong(before: State, after: State, end: Mapping[str, Any]) -> list[str]:
    """Return what of a state is not as a task says; nothing if all is right.

    Args:
        before: The state from which the agent began.
        after: The state that it left.
        end: What must be otherwise at the end: by kind (`todos`, `lists`, `tags`) and name the fields of a row, empty
            ones to clear them; under `new` whole rows; under `profile` its fields; under `order` titles of siblings.
            What is not said must be as it was.
    """
    problems = []
    for kind, name in _NAMES.items():
        expected = _expected(before[kind], end.get(kind, {}), end.get("new", {}).get(kind, ()), name)
        problems += _differences(kind, expected, after[kind])
    problems += _differences("profile", [_filled(before["profile"][0] | end.get("profile", {}))], after["profile"])
    return problems + _misplaced(before, after, end.get("order", ()))


def _expected(
    rows: list[dict[str, Any]], changes: Mapping[str, Mapping[str, Any]], new: Iterable[Mapping[str, Any]], name: str
) -> list[dict[str, Any]]:
    names = [row[name] for row in rows]
    unknown = [one for one in changes if names.count(one) != 1]
    assert not unknown, f"the seed has not exactly one of {unknown}"
    return [_filled(row | changes.get(row[name], {})) for row in rows] + [dict(row) for row in new]


def _differences(kind: str, expected: list[dict[str, Any]], rows: list[dict[str, Any]]) -> list[str]:
    """Return which rows are missing, and which should not be; titles are compared without case, as models choose it."""
    missing, left = [], [*rows]
    for row in expected:
        same = next((one for one in left if _folded(one) == _folded(row)), None)
        if same is None:
            missing.append(row)
        else:
            left.remove(same)
    return [f"{kind}: no {row}" for row in missing] + [f"{kind}: {row} should not be" for row in left]


def _folded(row: Mapping[str, Any]) -> dict[str, Any]:
    return {**row, **{name: row[name].casefold() for name in ("title", "parent") if name in row}}


def _misplaced(before: State, after: State, order: Sequence[str]) -> list[str]:
    """Return what stands otherwise than said or, where nothing is said of them, than they stood."""
    now = [[*siblings.values()] for siblings in after["order"]]
    problems = [] if not order or [*order] in now else [f"order: no siblings stand as {order}, but {now}"]
    for stood in before["order"]:
        for stand in after["order"]:
            stayed = [stand[one] for one in stand if one in stood and stand[one] not in order]
            were = [stand[one] for one in stood if one in stand and stand[one] not in order]
            if stayed != were:
                problems.append(f"order: {were} stand as {stayed}")
    return problems
