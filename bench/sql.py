"""The statements of the floor and of pgbench: what a person writes by hand.

Parameters are pgbench's (`:user`); `numbered` makes them PostgreSQL's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Final

_TAGS: Final = (
    "ARRAY(SELECT g.name FROM todo_tags l JOIN tags g ON g.user_id = l.user_id AND g.id = l.tag_id"
    " WHERE l.user_id = t.user_id AND l.todo_id = t.id AND g.deleted_at IS NULL ORDER BY g.name_key)"
)
_BELOW: Final = "FROM todos c WHERE c.user_id = t.user_id AND c.parent_id = t.id AND c.deleted_at IS NULL"
_OPEN_BELOW: Final = "count(*) FILTER (WHERE c.completed_at IS NULL)"
_SUBTASKS: Final = f"(SELECT ARRAY[count(*), {_OPEN_BELOW}]::int[] {_BELOW})"
_NO_SUBTASKS: Final = "ARRAY[0, 0]"
_NOTES: Final = """CASE WHEN t.note_count > 0 THEN (
    SELECT json_agg(n) FROM (
        SELECT id, todo_id, text, author, created_at FROM notes
        WHERE user_id = t.user_id AND todo_id = t.id ORDER BY id DESC LIMIT 3
    ) n
) ELSE '[]' END"""


def _columns(tags: str = _TAGS, subtasks: str = _SUBTASKS) -> str:
    """A todo as it is answered, of the row `t`; the arguments: what the statement knows better than the tables.

    `subtasks`: how many are right below it, and how many of these are open.
    """
    return (
        "t.id, t.title, t.description, (ARRAY['low', 'medium', 'high', 'urgent'])[t.priority] AS priority,"
        f" t.list_id, t.parent_id, {tags} AS tags, t.start, t.due_date, t.due_time, t.due_at,"
        " (SELECT time_zone FROM users WHERE id = :user) AS time_zone, t.repeat,"
        " t.completed_at IS NOT NULL AS is_completed, t.completed_at, t.created_at, t.updated_at, t.deleted_at,"
        f" {subtasks} AS subtasks, t.key, t.source, t.note_count, t.version"
    )


_OPEN: Final = "t.user_id = :user AND t.deleted_at IS NULL AND t.completed_at IS NULL"
_UNARCHIVED: Final = "t.list_id <> ALL(ARRAY(SELECT id FROM lists WHERE user_id = :user AND archived_at IS NOT NULL))"
# A level at a time: what PostgreSQL expects of a recursion by rows is so dear that it would plan each execution anew.
_STARTED: Final = f"""t.id NOT IN (
    WITH RECURSIVE later AS (
        SELECT ARRAY(
            SELECT t.id FROM todos t
            WHERE {_OPEN} AND t.start > (SELECT (now() AT TIME ZONE time_zone)::date FROM users WHERE id = :user)
        ) AS ids
        UNION ALL
        SELECT ARRAY(SELECT t.id FROM todos t WHERE {_OPEN} AND t.parent_id = ANY(later.ids))
        FROM later WHERE cardinality(later.ids) > 0
    )
    SELECT unnest(ids) FROM later
)"""


def _page(wanted: str) -> str:
    return (
        f"SELECT {_columns()}, (SELECT count(*) FROM todos t WHERE {wanted}) AS total"
        f" FROM todos t WHERE {wanted} ORDER BY t.created_at DESC, t.id DESC LIMIT :limit"
    )


LIST: Final = _page(f"{_OPEN} AND {_UNARCHIVED} AND {_STARTED}")
FILTERED: Final = _page(
    f"{_OPEN} AND {_STARTED} AND t.list_id = :list AND t.priority = ANY(:priorities::smallint[])"
    " AND t.due_at < :due_before"
)
GET: Final = (
    f"SELECT {_columns()}, {_NOTES} AS notes FROM todos t"
    " WHERE t.user_id = :user AND t.id = :id AND t.deleted_at IS NULL"
)

# The words of others cost most: a user with few todos looks through these, one with many asks for the word that names
# the user, too. The page is cut before its rows are filled in, and counted on the way.
SEARCH: Final = f"""
WITH wanted AS MATERIALIZED (
    SELECT words, quote_literal('@' || :user::bigint)::tsquery && words AS mine,
        EXISTS (SELECT FROM todos t WHERE t.user_id = :user OFFSET 2000) AS has_many
    FROM (SELECT to_tsquery('simple', :words) || to_tsquery('english', :words)) AS _ (words)
)
SELECT {_columns()}, t.total
FROM (
    SELECT t.*, ts_rank(t.words, (SELECT words FROM wanted)) AS rank, count(*) OVER () AS total
    FROM (
        SELECT * FROM (SELECT * FROM todos t WHERE {_OPEN} AND {_UNARCHIVED} OFFSET 0) AS own
        WHERE NOT (SELECT has_many FROM wanted) AND own.words @@ (SELECT words FROM wanted)
        UNION ALL
        SELECT * FROM todos t
        WHERE (SELECT has_many FROM wanted) AND t.words @@ (SELECT mine FROM wanted)
            AND t.user_id + 0 = :user AND t.deleted_at IS NULL AND t.completed_at IS NULL AND {_UNARCHIVED}
    ) AS t
    ORDER BY rank DESC, t.id DESC LIMIT :limit
) AS t
ORDER BY t.rank DESC, t.id DESC
"""

_INBOX: Final = "(SELECT id FROM lists WHERE user_id = :user AND is_inbox)"
_INSERT: Final = "INSERT INTO todos AS t (user_id, list_id, title, description, priority, language)"
ADD: Final = (
    f"{_INSERT} VALUES (:user, {_INBOX}, :title, :description, :priority, 'english')"
    f" RETURNING {_columns(tags='ARRAY[]::text[]', subtasks=_NO_SUBTASKS)}"
)
ADD_TAGGED: Final = f"""
WITH wanted AS (SELECT name, lower(name) AS name_key FROM unnest(:tags::text[]) AS _ (name)),
made AS (
    INSERT INTO tags (user_id, name, name_key) SELECT :user, name, name_key FROM wanted
    ON CONFLICT DO NOTHING RETURNING id, name, name_key
),
tag AS (
    SELECT id, name, name_key FROM made
    UNION ALL
    SELECT g.id, g.name, g.name_key FROM tags g JOIN wanted USING (name_key)
    WHERE g.user_id = :user AND g.deleted_at IS NULL
),
t AS ({_INSERT} VALUES (:user, {_INBOX}, :title, :description, :priority, 'english') RETURNING *),
linked AS (INSERT INTO todo_tags (user_id, todo_id, tag_id) SELECT :user, t.id, tag.id FROM t, tag)
SELECT {_columns(tags="ARRAY(SELECT name FROM tag ORDER BY name_key)", subtasks=_NO_SUBTASKS)} FROM t
"""
ADD_MANY: Final = (
    f"{_INSERT} SELECT :user, {_INBOX}, title, description, 2, 'english'"
    " FROM unnest(:titles::text[], :descriptions::text[]) AS _ (title, description)"
    f" RETURNING {_columns(tags='ARRAY[]::text[]', subtasks=_NO_SUBTASKS)}"
)

# With its subtasks, of one level: the seed has no more. What is completed with it, this statement still sees open.
_SUBTASKS_COMPLETED: Final = (
    f"(SELECT ARRAY[count(*), CASE WHEN t.completed_at IS NULL THEN {_OPEN_BELOW} ELSE 0 END]::int[] {_BELOW})"
)
COMPLETE: Final = f"""
WITH t AS (
    UPDATE todos SET completed_at = CASE WHEN :completed THEN now() END, updated_at = now(), version = version + 1
    WHERE user_id = :user AND id = :id AND deleted_at IS NULL RETURNING *
),
below AS (
    UPDATE todos SET completed_at = now(), updated_at = now(), version = version + 1
    WHERE user_id = :user AND parent_id = :id AND deleted_at IS NULL AND completed_at IS NULL AND :completed
    RETURNING id
)
SELECT {_columns(subtasks=_SUBTASKS_COMPLETED)}, (SELECT count(*) FROM below) AS subtasks_changed
FROM t
"""

# What is not due comes last, as in the index of what is open.
WEEKS: Final = """
WITH event AS MATERIALIZED (
    SELECT id, list_id, priority, created_at AS at, 1 AS added, 0 AS completed FROM todos
    WHERE user_id = :user AND created_at >= :since AND created_at < :until AND deleted_at IS NULL
    UNION ALL
    SELECT id, list_id, priority, created_at, 1, 0 FROM todos
    WHERE user_id = :user AND created_at >= :since AND created_at < :until
        AND deleted_at IS NOT NULL AND completed_at IS NOT NULL
    UNION ALL
    SELECT id, list_id, priority, completed_at, 0, 1 FROM todos
    WHERE user_id = :user AND completed_at >= :since AND completed_at < :until
),
week AS (SELECT * FROM event WHERE at >= :middle),
late AS (
    SELECT due_at, created_at, completed_at FROM todos
    WHERE user_id = :user AND deleted_at IS NULL AND completed_at IS NULL
        AND CASE WHEN due_at IS NULL THEN 'infinity'::timestamptz ELSE due_at END < :until
    UNION ALL
    SELECT due_at, created_at, completed_at FROM todos
    WHERE user_id = :user AND completed_at >= :middle AND due_at < :until
)
SELECT
    (SELECT json_agg(d ORDER BY d.date) FROM (
        SELECT (at AT TIME ZONE 'UTC')::date AS date, sum(added) AS added, sum(completed) AS completed
        FROM event GROUP BY 1
    ) d) AS by_day,
    (SELECT json_agg(l) FROM (
        SELECT lists.id, lists.name, sum(added) AS added, sum(completed) AS completed
        FROM week JOIN lists ON lists.user_id = :user AND lists.id = week.list_id
        GROUP BY lists.id, lists.name ORDER BY count(*) DESC, lists.id
    ) l) AS by_list,
    (SELECT json_agg(g) FROM (
        SELECT tags.name, sum(added) AS added, sum(completed) AS completed
        FROM week
            JOIN todo_tags ON todo_tags.user_id = :user AND todo_tags.todo_id = week.id
            JOIN tags ON tags.user_id = :user AND tags.id = todo_tags.tag_id
        WHERE tags.deleted_at IS NULL
        GROUP BY tags.id, tags.name ORDER BY count(*) DESC, tags.id
    ) g) AS by_tag,
    (SELECT json_agg(p ORDER BY p.priority DESC) FROM (
        SELECT priority, sum(added) AS added, sum(completed) AS completed FROM week GROUP BY priority
    ) p) AS by_priority,
    overdue.*
FROM (
    SELECT
        count(*) FILTER (
            WHERE due_at < :until AND created_at < :until AND (completed_at IS NULL OR completed_at >= :until)
        ) AS overdue,
        count(*) FILTER (
            WHERE due_at < :middle AND created_at < :middle AND (completed_at IS NULL OR completed_at >= :middle)
        ) AS overdue_before
    FROM late
) AS overdue
"""

_PARAMETER: Final = re.compile(r"(?<!:):([a-z_]+)")


@cache
def numbered(statement: str) -> tuple[str, tuple[str, ...]]:
    """The statement with `$1`, `$2`, … for its parameters, and their names in that order."""
    names = tuple(dict.fromkeys(_PARAMETER.findall(statement)))
    return _PARAMETER.sub(lambda found: f"${names.index(found[1]) + 1}", statement), names


def filled(statement: str, values: Mapping[str, str]) -> str:
    """The statement with SQL in the place of some parameters."""
    return _PARAMETER.sub(lambda found: values.get(found[1], found[0]), statement)
