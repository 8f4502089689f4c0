"""What is measured over REST: for each case the requests, the right answer, pgbench's script, and what is promised."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import count, cycle, islice, pairwise
from typing import Any, Final, Literal
from urllib.parse import urlencode

from bench import sql
from bench.database import Actor
from bench.limit import Script
from bench.plan import BIG_USER, PAGE_SIZE
from bench.wire import Request

FLOOR: Final = "floor"
TUTORIAL: Final = "tutorial"
FASTIFY: Final = "Fastify and pg"
STATEMENTS: Final = "our statements alone"
OURS: Final = "ours, API token"
OURS_JWT: Final = "ours, EdDSA JWT"
ANEW: Final = "ours, read anew"

_EVERYBODY: Final = (FLOOR, TUTORIAL, FASTIFY, STATEMENTS, OURS, OURS_JWT)
_IN_LAYERS: Final = (FLOOR, STATEMENTS, OURS)
_FLOOR_AND_OURS: Final = (FLOOR, OURS)

Asks = Callable[[Actor], Sequence[Request]]
"""A user's requests, sent in turn."""


@dataclass(frozen=True, slots=True)
class Promise:
    """How two contestants at one case compare."""

    mine: str
    base: str
    bound: float
    of: Literal["rate", "time"] = "rate"
    """`rate`: at least so many times the requests per second of `base`, with many connections. `time`: at most so many
    times its median time, with one connection."""


@dataclass(frozen=True, slots=True)
class Beside:
    """Another request to ours with an API token, in the same contest: what the case's own is compared with."""

    name: str
    asks: Asks
    is_right: Callable[[Any], bool] = bool
    """As in a case."""
    goes_on: bool = False
    """Whether each measurement begins where the one before ended, so that nothing is asked for that is remembered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Something that contestants do."""

    name: str
    what: str
    """For people."""
    asks: Asks
    is_right: Callable[[Any], bool] = bool
    """Whether an answer (JSON) is one; how many rows a page must have, the request says."""
    script: Script
    """The same for pgbench."""
    contestants: Sequence[str] = _FLOOR_AND_OURS
    beside: Sequence[Beside] = ()
    by: Literal["actors", "big user"] = "actors"
    remembered: bool = False
    """A server may remember the answers (decision 81), so every request is answered twice before each measurement."""
    writes: bool = False
    reopens: bool = False
    """Every todo has to be open before each measurement."""
    promises: Sequence[Promise] = ()


def _against(base: str, bound: float) -> tuple[Promise, ...]:
    return tuple(Promise(ours, base, bound) for ours in (OURS, OURS_JWT))


# --- lists -------------------------------------------------------------------------------------


def _list(actor: Actor) -> list[Request]:
    rows = sum(todo.is_open for todo in actor.todos)
    return [Request("GET", f"/api/v1/todos?limit={PAGE_SIZE}", rows=min(PAGE_SIZE, rows))]


_LOOKS: Final = 120
"""Addresses of each user for the same rows: more than are asked for in all rounds together."""


def _list_anew(actor: Actor) -> list[Request]:
    """Return requests for the page of `_list`, each by another filter, which all of the user's todos meet."""
    (page,) = _list(actor)
    moments = (f"2000-01-01T00:{n // 60:02}:{n % 60:02}Z" for n in range(_LOOKS))
    return [replace(page, path=f"{page.path}&created_after={moment}") for moment in moments]


_RANKS: Final = {"medium": 2, "high": 3, "urgent": 4}
_SOON: Final = timedelta(days=30)


def _filtered_rows(actor: Actor, until: datetime) -> int:
    return sum(
        todo.is_open
        and todo.list_id == actor.inbox
        and todo.priority in _RANKS.values()
        and todo.due_at is not None
        and todo.due_at < until
        for todo in actor.todos
    )


def _filtered_until(actor: Actor, until: datetime) -> Request:
    wanted = {"list_id": actor.inbox, "priority": [*_RANKS], "due_before": until.isoformat()}
    query = urlencode(wanted | {"limit": PAGE_SIZE}, doseq=True)
    return Request("GET", f"/api/v1/todos?{query}", rows=min(PAGE_SIZE, _filtered_rows(actor, until)))


def _filtered(actor: Actor) -> list[Request]:
    return [_filtered_until(actor, actor.seeded_at + _SOON)]


def _filtered_anew(actor: Actor) -> list[Request]:
    """Return requests for the page of `_filtered`, each by another moment, a few microseconds later."""
    soon = actor.seeded_at + _SOON
    return [_filtered_until(actor, soon + timedelta(microseconds=n)) for n in range(1, _LOOKS + 1)]


def _as_many_unfiltered(actor: Actor) -> list[Request]:
    rows = min(PAGE_SIZE, max(1, _filtered_rows(actor, actor.seeded_at + _SOON)))
    return [Request("GET", f"/api/v1/todos?limit={rows}", rows=rows)]


_LISTS: Final = (
    Case(
        name="list-50",
        what=(
            f"the first {PAGE_SIZE} of a user's open todos (about 60), with the total; beside it, the same page by a"
            " filter that was not asked for before"
        ),
        asks=_list,
        script=Script(sql.LIST, {"limit": str(PAGE_SIZE)}),
        contestants=_EVERYBODY,
        beside=(Beside(ANEW, _list_anew, goes_on=True),),
        remembered=True,
        promises=(Promise(OURS, FLOOR, 1.3), *_against(TUTORIAL, 4.5), Promise(OURS_JWT, OURS, 0.9)),
    ),
    Case(
        name="list-filtered",
        what=(
            "open todos of the inbox, of three of the four priorities, due before a day a month ahead, with their total"
            " (about 15); beside it, the same due before a moment that was not asked for before, and an unfiltered page"
            " of as many rows of the same user"
        ),
        asks=_filtered,
        contestants=_IN_LAYERS,
        script=Script(
            sql.FILTERED,
            {
                "list": ":inbox",
                "priorities": "'{2,3,4}'",
                "due_before": f"(to_timestamp(:now) + interval '{_SOON.days} days')",
                "limit": str(PAGE_SIZE),
            },
        ),
        beside=(Beside(ANEW, _filtered_anew, goes_on=True), Beside("ours, no filter", _as_many_unfiltered)),
        remembered=True,
        promises=(Promise(OURS, FLOOR, 1.05), Promise(OURS, "ours, no filter", 0.85)),
    ),
)

# --- search ------------------------------------------------------------------------------------

_SEARCHES: Final = (
    "milk",
    "plumb",
    "quarterly report",
    "chapt",
    "summer tr",
    "dentist",
    "kitchen t",
    "birthday card",
    "pull request",
    "passp",
    "electricity b",
    "tickets satur",
)
"""Of each thing that the seed has to do: whole words, and beginnings of words."""
_SEARCHES_EACH: Final = 4
"""Of these, what each user looks for. All of the users together look for all."""


def _searches(actor: Actor) -> list[str]:
    """Return what a user looks for, which some of the user's open todos have."""
    titles = [f" {todo.title.lower()}" for todo in actor.todos if todo.is_open]
    found = [
        words for words in _SEARCHES if any(all(f" {word}" in title for word in words.split()) for title in titles)
    ]
    first = actor.user_id % len(found)
    return [*found[first:], *found[:first]][:_SEARCHES_EACH]


def _search_for(words: str, limit: int) -> Request:
    return Request("GET", "/api/v1/search?" + urlencode({"text": words, "limit": limit}))


def _search(actor: Actor) -> list[Request]:
    return [_search_for(words, PAGE_SIZE) for words in _searches(actor)]


def _search_anew(actor: Actor) -> list[Request]:
    """Return requests for what `_search` finds, each for a page of another size, all larger than what there is."""
    sizes = range(PAGE_SIZE + 1, PAGE_SIZE + 1 + _LOOKS // _SEARCHES_EACH)
    return [_search_for(words, size) for size in sizes for words in _searches(actor)]


def _has_found(answer: Any) -> bool:
    found = len(answer["items"])
    return found > 0 and found == min(PAGE_SIZE, int(answer["total"]))


_SEARCH_SCRIPT: Final = {
    "words": "((ARRAY['milk:*', 'plumb:*', 'quarterly & report:*', 'passp:*'])[:any])",
    "limit": str(PAGE_SIZE),
}
_BIG_LIST: Final = Beside(
    "ours, list-50", lambda _: [Request("GET", f"/api/v1/todos?limit={PAGE_SIZE}", rows=PAGE_SIZE)]
)
_SEARCH: Final = (
    Case(
        name="search",
        what=(
            "one or two words, the last often only begun, among a user's 90 todos: the best first; beside it, the same"
            " with a size of the page that was not asked for before, and list-50"
        ),
        asks=_search,
        is_right=_has_found,
        contestants=_IN_LAYERS,
        script=Script(sql.SEARCH, _SEARCH_SCRIPT),
        beside=(Beside(ANEW, _search_anew, _has_found, goes_on=True), Beside("ours, list-50", _list)),
        remembered=True,
        promises=(Promise(OURS, FLOOR, 0.65), Promise(OURS, "ours, list-50", 3, "time")),
    ),
    Case(
        name="search-big",
        what="the same by the user with a tenth of all todos, of which each search finds a twelfth",
        by="big user",
        asks=_search,
        is_right=_has_found,
        script=Script(sql.SEARCH, _SEARCH_SCRIPT | {"user": str(BIG_USER)}),
        beside=(_BIG_LIST,),
        remembered=True,
    ),
)

# --- one todo ----------------------------------------------------------------------------------


_LOOKED_AT: Final = 8
"""Todos that each user looks at again and again: those of all users together are less than a process remembers."""


def _get(actor: Actor) -> list[Request]:
    return [Request("GET", f"/api/v1/todos/{todo.id}") for todo in actor.todos[:_LOOKED_AT]]


def _get_anew(actor: Actor) -> list[Request]:
    """Return requests for the other todos: so many of all users that one which comes again was forgotten meanwhile."""
    return [Request("GET", f"/api/v1/todos/{todo.id}") for todo in actor.todos[_LOOKED_AT:]]


def _complete(actor: Actor) -> list[Request]:
    return [
        Request("PATCH", f"/api/v1/todos/{todo.id}/complete", {"is_completed": completed})
        for completed in (True, False)
        for todo in actor.todos
        if todo.is_open and not todo.is_subtask  # which is completed with its parent
    ]


_NEW_SQL: Final = {"title": "('Buy milk and bread ' || :any)", "description": "'2 l'", "priority": "2"}
_BATCH: Final = 50
ADDS: Final = 40
"""Requests of each user before titles come again: more than a contestant answers in one measurement."""
_numbers: Final = count()


def new_todo() -> dict[str, Any]:
    """Return a todo with a title like which nobody has one: to be told of those that look the same is more work."""
    number = "{} {}".format(*divmod(next(_numbers), 1000))  # of words of five letters and more, three count
    return {"title": f"Buy milk and bread {number}", "description": "2 l"}


def _add(_: Actor) -> list[Request]:
    return [Request("POST", "/api/v1/todos", new_todo()) for _ in range(ADDS)]


def _add_tagged(actor: Actor) -> list[Request]:
    pairs = islice(cycle(pairwise([*actor.tags, actor.tags[0]])), ADDS)
    return [Request("POST", "/api/v1/todos", new_todo() | {"tags": tags}) for tags in pairs]


def _add_many(_: Actor) -> list[Request]:
    batches = [[new_todo() for _ in range(_BATCH)] for _ in range(ADDS // 10)]
    return [Request("POST", "/api/v1/todos/batch", {"action": "add", "todos": todos}) for todos in batches]


def _is_new(answer: Any) -> bool:
    return bool(answer["title"] and answer["version"] == 1)


def _is_live(answer: Any) -> bool:
    return answer["deleted_at"] is None and answer["title"] != ""


_READ_ONE: Final = Case(
    name="get-one",
    what=f"a todo by its id, {_LOOKED_AT} of each user's again and again; beside it, the others, one after the other",
    asks=_get,
    is_right=_is_live,
    script=Script(sql.GET),
    contestants=_EVERYBODY,
    beside=(Beside(ANEW, _get_anew, _is_live, goes_on=True),),
    remembered=True,
    promises=_against(FLOOR, 0.95),
)
_WRITES: Final = (
    Case(
        name="add-one",
        what="a todo with title and description, into the inbox",
        asks=_add,
        is_right=_is_new,
        script=Script(sql.ADD, _NEW_SQL),
        contestants=_EVERYBODY,
        writes=True,
        promises=(*_against(FLOOR, 0.45), *_against(TUTORIAL, 3)),
    ),
    Case(
        name="add-tags",
        what="the same with two of the user's three tags, by name",
        asks=_add_tagged,
        is_right=lambda answer: _is_new(answer) and len(answer["tags"]) == 2,
        script=Script(
            sql.ADD_TAGGED,
            _NEW_SQL | {"tags": "ARRAY(SELECT name FROM tags WHERE user_id = :user ORDER BY id LIMIT 2)"},
        ),
        writes=True,
        promises=(Promise(OURS, FLOOR, 0.4),),
    ),
    Case(
        name="batch-50",
        what=f"{_BATCH} such todos in one request (the floor: in one statement); beside it, add-one",
        asks=_add_many,
        is_right=lambda answer: sum(_is_new(result["item"]) for result in answer["results"]) == _BATCH,
        contestants=_IN_LAYERS,
        script=Script(
            sql.ADD_MANY,
            {
                "titles": f"ARRAY(SELECT 'Buy milk and bread ' || n FROM generate_series(1, {_BATCH}) n)",
                "descriptions": f"array_fill('2 l'::text, ARRAY[{_BATCH}])",
            },
        ),
        beside=(Beside("ours, one add", _add),),
        writes=True,
        promises=(Promise(OURS, FLOOR, 0.65), Promise(OURS, "ours, one add", 6, "time")),
    ),
    Case(
        name="complete-one",
        what="a todo, with its subtasks, is set done or open",
        asks=_complete,
        is_right=lambda answer: answer["completed_at"] is not None,
        script=Script(sql.COMPLETE, {"completed": "(:any % 2 = 1)"}),
        contestants=_EVERYBODY,
        writes=True,
        reopens=True,
        promises=(Promise(OURS, FLOOR, 0.38),),
    ),
)

# --- insight -----------------------------------------------------------------------------------


def _report(actor: Actor) -> list[Request]:
    return [Request("GET", f"/api/v1/analytics/weekly-report?week={actor.week}")]


_INSIGHT: Final = Case(
    name="weekly-report",
    what=(
        "the last full week and the one before, of the user with a tenth of all todos; the floor: the same groups and"
        " counts in one statement; beside it, list-50 of that user"
    ),
    by="big user",
    asks=_report,
    is_right=lambda answer: answer["overdue"] > 0 and min(len(answer[f"by_{name}"]) for name in ("day", "tag")) > 0,
    script=Script(
        sql.WEEKS,
        {
            "user": str(BIG_USER),
            "since": "(date_trunc('week', to_timestamp(:now), 'UTC') - interval '14 days')",
            "middle": "(date_trunc('week', to_timestamp(:now), 'UTC') - interval '7 days')",
            "until": "date_trunc('week', to_timestamp(:now), 'UTC')",
        },
    ),
    beside=(_BIG_LIST,),
    remembered=True,
    promises=(Promise(OURS, "ours, list-50", 50, "time"),),
)

CASES: Final = (*_LISTS, _READ_ONE, *_SEARCH, _INSIGHT, *_WRITES)
