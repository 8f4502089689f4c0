"""Add, read, change, complete and trash todos."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

import orjson
from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    DateTime,
    Integer,
    Select,
    SmallInteger,
    Text,
    and_,
    any_,
    case,
    column,
    func,
    insert,
    literal_column,
    or_,
    select,
    tuple_,
)
from sqlalchemy import update as update_table
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlmodel import col

from todo_core.database import Statement, json_object, json_text, mine, parameter
from todo_core.errors import FieldProblem, InvalidInput, NotFound, NotOwner, TodoError, UndoRefused, VersionConflict
from todo_core.models.todos import (
    PRIORITIES,
    Sort,
    Todo,
    TodoCreate,
    TodoFilter,
    TodoRead,
    TodoUpdate,
)
from todo_core.operation import Tx, operation
from todo_core.ownership import missing
from todo_core.results import Changed, Done, Found, Page, Touched
from todo_core.validation import Tried

ENTITY: Final = "todo"
_PRIORITY_WORDS = literal_column("(ARRAY[" + ",".join(f"'{word}'" for word in PRIORITIES) + "])", ARRAY(Text))


def _read(source: Any) -> ColumnElement[Any]:
    """A todo's read shape, as JSON built by PostgreSQL."""
    return json_object(
        TodoRead,
        source,
        priority=_PRIORITY_WORDS[source.priority],
        is_completed=source.completed_at.is_not(None),
    )


# --- reading -----------------------------------------------------------------------------------

_table = Todo.__table__  # type: ignore[attr-defined]  # SQLModel sets it
_ONE = Statement(
    select(_read(_table.c).label("row")).where(
        mine(Todo), col(Todo.id) == parameter("id", BigInteger()), col(Todo.deleted_at).is_(None)
    )
)

_SORT_KEYS: Final[dict[Sort, ColumnElement[Any]]] = {
    "created": _table.c.created_at,
    "updated": _table.c.updated_at,
    "priority": _table.c.priority,
    "title": func.lower(_table.c.title),
}
_INSTANT = DateTime(timezone=True)
_CONDITIONS: Final[dict[str, ColumnElement[bool]]] = {
    "priority": _table.c.priority == any_(parameter("priority", ARRAY(SmallInteger))),
    "ids": _table.c.id == any_(parameter("ids", ARRAY(BigInteger))),
    "text": or_(
        _table.c.title.icontains(parameter("text", Text()), autoescape=False),
        _table.c.description.icontains(parameter("text", Text()), autoescape=False),
    ),
    "created_after": _table.c.created_at >= parameter("created_after", _INSTANT),
    "created_before": _table.c.created_at < parameter("created_before", _INSTANT),
    "updated_after": _table.c.updated_at >= parameter("updated_after", _INSTANT),
    "updated_before": _table.c.updated_at < parameter("updated_before", _INSTANT),
    "completed_after": _table.c.completed_at >= parameter("completed_after", _INSTANT),
    "completed_before": _table.c.completed_at < parameter("completed_before", _INSTANT),
}
_STATUS: Final[dict[str, ColumnElement[bool]]] = {
    "open": and_(_table.c.deleted_at.is_(None), _table.c.completed_at.is_(None)),
    "done": and_(_table.c.deleted_at.is_(None), _table.c.completed_at.is_not(None)),
    "all": _table.c.deleted_at.is_(None),
    "trashed": _table.c.deleted_at.is_not(None),
}


@lru_cache(maxsize=512)
def _page_statement(status: str, conditions: frozenset[str], sort: Sort, descending: bool, after: bool) -> Statement:
    """One page and its total, in one statement: compiled once for each shape of request."""
    wanted = and_(mine(Todo), _STATUS[status], *(_CONDITIONS[name] for name in sorted(conditions)))
    key = _SORT_KEYS[sort]
    order = [key.desc(), _table.c.id.desc()] if descending else [key.asc(), _table.c.id.asc()]
    rows: Select[Any] = select(
        _read(_table.c).label("row"),
        key.label("key"),
        _table.c.id.label("id"),
        func.row_number().over(order_by=order).label("place"),
    ).where(wanted)
    if after:
        here = tuple_(key, _table.c.id)
        there = tuple_(parameter("after_key", key.type), parameter("after_id", BigInteger()))
        rows = rows.where(here < there if descending else here > there)
    page = (
        rows.order_by(*order).limit(parameter("one_more", Integer())).offset(parameter("offset", Integer())).subquery()
    )
    on_page = page.c.place <= parameter("last", Integer())
    is_last = page.c.place == parameter("last", Integer())
    return Statement(
        select(
            func.coalesce(func.json_agg(page.c.row).filter(on_page), literal_column("'[]'::json")).label("rows"),
            select(func.count()).select_from(_table).where(wanted).scalar_subquery().label("total"),
            (func.count() > parameter("limit", Integer())).label("more"),
            func.to_json(func.min(page.c.key).filter(is_last)).label("key"),
            func.min(page.c.id).filter(is_last).label("id"),
        ).select_from(page)
    )


@operation(effect="reads", scope="todos:read", raises=(InvalidInput,))
async def find(tx: Tx, wanted: TodoFilter, offset: int = 0) -> Page[TodoRead]:
    """List todos: filtered, ordered, a page at a time, with the true total.

    The trash shows only with status `trashed`. `next_cursor` leads to the next page at the same
    cost however deep it is; null means this is the last.
    """
    given = {name: value for name in _CONDITIONS if (value := getattr(wanted, name)) is not None}
    if "priority" in given:
        given["priority"] = [PRIORITIES.index(word) + 1 for word in given["priority"]]
    if "text" in given:
        given["text"] = _like_literal(given["text"])
    descending = wanted.direction == "desc"
    scope = json_text([tx.caller.principal.user_id, wanted.status, wanted.sort, descending, given])
    place: dict[str, Any] = {}
    if wanted.cursor is not None:
        key, place["after_id"] = tx.core.cursors.open(wanted.cursor, scope)
        place["after_key"] = datetime.fromisoformat(key) if wanted.sort in ("created", "updated") else key
    statement = _page_statement(wanted.status, frozenset(given), wanted.sort, descending, bool(place))
    row = await tx.one(
        statement,
        limit=wanted.limit,
        one_more=wanted.limit + 1,
        last=offset + wanted.limit,
        offset=offset,
        **given,
        **place,
    )
    cursor = tx.core.cursors.make([orjson.loads(row["key"]), row["id"]], scope) if row["more"] else None
    return Page(row["rows"], row["total"], wanted.limit, cursor)


@operation(effect="reads", scope="todos:read", raises=(NotFound, NotOwner))
async def get(tx: Tx, todo_id: int) -> Found[TodoRead]:
    """Read one todo, with all its fields. A todo in the trash is not found: list the trash or restore it."""
    row = await tx.row(_ONE, id=todo_id)
    if row is None:
        raise await missing(tx, ENTITY, todo_id)
    return Found(row["row"])


def _like_literal(words: str) -> str:
    for special in ("\\", "%", "_"):
        words = words.replace(special, "\\" + special)
    return words


# --- writing -----------------------------------------------------------------------------------

_new_item = (
    func.jsonb_to_recordset(parameter("items", JSONB()))
    .table_valued(
        column("n", Integer), column("title", Text), column("description", Text), column("priority", SmallInteger)
    )
    .render_derived(name="item", with_types=True)
)
_new = (
    insert(_table)
    .from_select(
        ["user_id", "title", "description", "priority", "created_at", "updated_at"],
        select(
            parameter("user_id", BigInteger()),
            _new_item.c.title,
            _new_item.c.description,
            _new_item.c.priority,
            func.statement_timestamp(),
            func.statement_timestamp(),
        ).order_by(_new_item.c.n),
    )
    .returning(_table)
    .cte("new")
)
_ADD = Statement(select(_new.c.id, _read(_new.c).label("after")).order_by(_new.c.id))


@operation(effect="changes", scope="todos:write", raises=(InvalidInput,), idempotent=False)
async def add(tx: Tx, todos: Sequence[Tried[TodoCreate]]) -> Changed[TodoRead]:
    """Add todos, in order. The server sets id, times and version."""
    items = [
        {
            "n": n,
            "title": todo.title,
            "description": todo.description or None,
            "priority": PRIORITIES.index(todo.priority) + 1,
        }
        for n, todo in enumerate(todos)
        if isinstance(todo, TodoCreate)
    ]
    rows = iter(await tx.rows(_ADD, items=json_text(items)) if items else ())
    results: list[Done | TodoError] = []
    touched: list[Touched] = []
    for todo in todos:
        if isinstance(todo, InvalidInput):
            results.append(todo)
        else:
            row = next(rows)
            results.append(Done(row["after"]))
            touched.append(Touched(ENTITY, row["id"], None, row["after"]))
    return Changed(results, touched)


_item = (
    func.jsonb_array_elements(parameter("items", JSONB()))
    .table_valued(column("patch", JSONB), with_ordinality="n", name="item")
    .render_derived()
)
_wanted = select(
    _item.c.n,
    _item.c.patch,
    _item.c.patch["id"].astext.cast(BigInteger).label("id"),
    _item.c.patch["if_version"].astext.cast(Integer).label("if_version"),
).cte("wanted")
_old = (
    select(_table, _wanted.c.n, _wanted.c.patch, _wanted.c.if_version)
    .join(_wanted, _wanted.c.id == _table.c.id)
    .where(mine(Todo), or_(_table.c.deleted_at.is_(None), parameter("trash_too", Boolean())))
    .order_by(_table.c.id)
    .with_for_update(of=_table)
    .cte("old")
)


def _patched(name: str, value: ColumnElement[Any]) -> ColumnElement[Any]:
    """The patch's value where it names the field, else the old one."""
    return case((_old.c.patch.has_key(name), value), else_=_old.c[name])


def _moment(name: str, flag: str) -> ColumnElement[Any]:
    """A date that a flag sets (keeping the first moment) or clears; an undo names the date itself."""
    return case(
        (_old.c.patch.has_key(name), _old.c.patch[name].astext.cast(_INSTANT)),
        (_old.c.patch[flag].astext.cast(Boolean), func.coalesce(_old.c[name], func.statement_timestamp())),
        (_old.c.patch.has_key(flag), None),
        else_=_old.c[name],
    ).label(name)


_next = (
    select(
        _old.c.id,
        _patched("title", _old.c.patch["title"].astext).label("title"),
        _patched("description", _old.c.patch["description"].astext).label("description"),
        _patched("priority", _old.c.patch["priority"].astext.cast(SmallInteger)).label("priority"),
        _moment("completed_at", "is_completed"),
        _moment("deleted_at", "is_deleted"),
    )
    .where(or_(_old.c.if_version.is_(None), _old.c.if_version == _old.c.version))
    .cte("next")
)
_PATCHABLE: Final = ("title", "description", "priority", "completed_at", "deleted_at")
_revised = (
    update_table(_table)
    .values(
        {name: _next.c[name] for name in _PATCHABLE}
        | {"version": _table.c.version + 1, "updated_at": func.statement_timestamp()}
    )
    .where(
        mine(Todo),
        _table.c.id == _next.c.id,
        tuple_(*(_table.c[name] for name in _PATCHABLE)).is_distinct_from(
            tuple_(*(_next.c[name] for name in _PATCHABLE))
        ),
    )
    .returning(_table)
    .cte("revised")
)
_REVISE = Statement(
    select(
        _old.c.id,
        _old.c.version,
        _read(_old.c).label("before"),
        case((_revised.c.id.is_not(None), _read(_revised.c))).label("after"),
    )
    .select_from(_wanted.outerjoin(_old, _old.c.n == _wanted.c.n).outerjoin(_revised, _revised.c.id == _old.c.id))
    .order_by(_wanted.c.n)
)


async def _revise(
    tx: Tx, patches: Sequence[Mapping[str, Any] | TodoError], *, trash_too: bool = False
) -> Changed[TodoRead]:
    """Apply each patch to its todo in one statement; a patch that changes nothing leaves the version as it is."""
    items = [patch for patch in patches if not isinstance(patch, TodoError)]
    rows = iter(await tx.rows(_REVISE, items=json_text(items), trash_too=trash_too) if items else ())
    results: list[Done | TodoError] = []
    touched: list[Touched] = []
    for patch in patches:
        if isinstance(patch, TodoError):
            results.append(patch)
            continue
        row = next(rows)
        if row["id"] is None:
            results.append(await missing(tx, ENTITY, patch["id"]))
        elif patch.get("if_version", row["version"]) != row["version"]:
            results.append(VersionConflict(extra={"current": orjson.loads(row["before"])}))
        elif row["after"] is None:
            results.append(Done(row["before"], changed=False))
        else:
            results.append(Done(row["after"]))
            touched.append(Touched(ENTITY, row["id"], row["before"], row["after"]))
    return Changed(results, touched)


def _once_each(ids: Iterable[int | InvalidInput], patch: Mapping[str, Any]) -> list[Mapping[str, Any] | TodoError]:
    """The same patch for every id; an id that is named twice is refused the second time."""
    return _distinct([one if isinstance(one, InvalidInput) else {"id": one, **patch} for one in ids])


def _distinct(patches: Iterable[Mapping[str, Any] | TodoError]) -> list[Mapping[str, Any] | TodoError]:
    seen: set[int] = set()
    kept: list[Mapping[str, Any] | TodoError] = []
    for patch in patches:
        if isinstance(patch, TodoError):
            kept.append(patch)
        elif patch["id"] in seen:
            kept.append(
                InvalidInput(problems=[FieldProblem("id", "is named twice in this batch; name each todo once")])
            )
        else:
            seen.add(patch["id"])
            kept.append(patch)
    return kept


@operation(effect="changes", scope="todos:write", raises=(InvalidInput, NotFound, NotOwner, VersionConflict))
async def update(tx: Tx, todos: Sequence[Tried[TodoUpdate]]) -> Changed[TodoRead]:
    """Change fields of todos; a field left out stays as it is.

    With the version you saw, a todo that somebody changed since is left alone and shown.
    """
    patches = [todo if isinstance(todo, InvalidInput) else _columns(todo) for todo in todos]
    return await _revise(tx, _distinct(patches))


def _columns(given: Mapping[str, Any]) -> dict[str, Any]:
    """A patch in the words of callers, as the statement takes it."""
    patch = dict(given)
    if "priority" in patch:
        patch["priority"] = PRIORITIES.index(patch["priority"]) + 1
    if "description" in patch:
        patch["description"] = patch["description"] or None
    return patch


@operation(effect="changes", scope="todos:write", raises=(NotFound, NotOwner, VersionConflict))
async def complete(
    tx: Tx, ids: Sequence[Tried[int]], completed: bool = True, if_version: int | None = None
) -> Changed[TodoRead]:
    """Set todos done, or open again with `completed` false. It sets and never toggles: a repeat changes nothing."""
    return await _revise(tx, _once_each(ids, {"is_completed": completed} | _condition(if_version)))


@operation(effect="changes", scope="todos:write", raises=(NotFound, NotOwner, VersionConflict), destructive=True)
async def delete(
    tx: Tx, ids: Sequence[Tried[int]], deleted: bool = True, if_version: int | None = None
) -> Changed[TodoRead]:
    """Move todos to the trash, or restore them with `deleted` false. The trash is emptied after the retention time."""
    return await _revise(tx, _once_each(ids, {"is_deleted": deleted} | _condition(if_version)), trash_too=True)


def _condition(if_version: int | None) -> dict[str, int]:
    return {} if if_version is None else {"if_version": if_version}


# --- undo --------------------------------------------------------------------------------------


async def revert(tx: Tx, entries: Sequence[Mapping[str, Any]]) -> Changed[TodoRead]:
    """Put todos back as they were before a change; one that was made goes to the trash.

    Raises:
        UndoRefused: A todo changed since, or is gone; nothing is reverted then.
    """
    patches: list[Mapping[str, Any]] = []
    for entry in entries:
        seen = {"id": entry["id"], "if_version": entry["after"]["version"]}
        if entry["before"] is None:
            patches.append(seen | {"is_deleted": True})
        else:
            before = {name: entry["before"][name] for name in _PATCHABLE}
            patches.append(seen | _columns(before))
    reverted = await _revise(tx, patches, trash_too=True)
    for entry, result in zip(entries, reverted.results, strict=True):
        if isinstance(result, TodoError):
            raise UndoRefused("A later change is in the way.", extra={"entity": ENTITY, "id": entry["id"]})
    return reverted
