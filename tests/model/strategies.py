"""What the state machine draws: requests with numbers in place of ids, which mean rows once there are some."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from tests.faces import FACES
from tests.model.dates import RULES, Due, Often, When
from tests.model.model import name_key
from tests.model.proposals import Mandate
from tests.model.wire import How

LIVE: Final = 8
"""Numbers below it mean rows that are not deleted, those up to `GONE` deleted ones."""
GONE: Final = 9
STRANGE: Final = 10
"""In place of an id: somebody else's row."""
UNKNOWN: Final = 11
"""In place of an id: no row at all."""
NO_SUCH_ID: Final = 2**50

PEOPLE = st.sampled_from((*("ann",) * 6, "bob"))
FACE = st.sampled_from(FACES)
ROW = st.sampled_from((*(*range(LIVE), GONE) * 3, STRANGE, UNKNOWN))
_PLAIN = [How(), How(is_single=True), How("mcp-2026"), How("mcp-2025")]
HOW = st.sampled_from(
    [
        *_PLAIN * 8,
        *(How(how.face, how.is_single, has_key=True) for how in _PLAIN),
        *(How(how.face, how.is_single, dry_run=True) for how in _PLAIN),
        *(How(how.face, how.is_single, by_helper=True) for how in _PLAIN * 3),
    ]
)


def _day(text: str, day_of: Callable[[date], date]) -> When:
    """A day alone keeps the time."""

    def due(wall: datetime, zone: ZoneInfo, there: Due | None) -> Due:
        day = day_of(wall.date())
        return Due(day) if there is None else there.on_day(day, zone)

    return When(text, due)


def _date(text: str) -> When:
    return _day(text, lambda _: date.fromisoformat(text))


def _days_on(text: str, days: int) -> When:
    return _day(text, lambda today: today + timedelta(days=days))


def _time(text: str, hour: int) -> When:
    """A time alone keeps the day; without one it is a time of today that is to come."""

    def due(wall: datetime, zone: ZoneInfo, there: Due | None) -> Due | None:
        if there is not None:
            return there.at_time(time(hour), zone)
        return Due(wall.date(), time(hour)) if wall.time() < time(hour) else None

    return When(text, due)


def _moment(text: str) -> When:
    due = Due(moment=datetime.fromisoformat(text).astimezone(UTC))
    return When(text, lambda *_: due, {"at": text})


def _exactly(day: str, wall: str | None) -> When:
    due = Due(date.fromisoformat(day), wall and time.fromisoformat(wall))
    return When(f"{day}T{wall}" if wall else f"{day} all day", lambda *_: due, {"date": day, "time": wall})


TODAY: Final = _days_on("today", 0)
TOMORROW: Final = _days_on("tomorrow", 1)
TOMORROW_5PM: Final = When("tomorrow 5pm", lambda wall, *_: Due(wall.date() + timedelta(days=1), time(17)))
MOMENT: Final = _moment("2026-11-27T17:00:00+01:00")
DAILY: Final = Often(RULES[0].text, RULES[0])
_IN_PART: Final = [
    *map(_date, ("2026-11-20", "2026-11-25", "2026-12-31")),
    TOMORROW,
    _days_on("in 2 weeks", 14),
    *(_time(text, hour) for text, hour in (("4pm", 16), ("23:00", 23))),
    When("no time", lambda _, zone, there: there and there.all_day(zone)),
]
DUE = st.sampled_from(
    [
        *_IN_PART,
        *(_exactly("2026-11-24", wall) for wall in ("09:00", None)),
        *map(_moment, ("2026-11-26T17:00:00+01:00", "2026-11-22T00:30:00-05:00", "2026-11-21T09:00:00Z")),
        TOMORROW_5PM,
        When("someday", lambda *_: None),
    ]
)
_STARTS: Final = [*map(_date, ("2026-11-20", "2026-11-23", "2026-11-26")), TOMORROW, _days_on("in 3 days", 3)]
START = st.sampled_from([*_STARTS, TOMORROW, TOMORROW_5PM, When("at 9am", lambda *_: None)])
SAID = st.sampled_from(_IN_PART)
"""What says a part of a due: of one that is there, the rest stays."""
REPEAT = st.sampled_from(
    [
        DAILY,
        *(Often(rule.text, rule) for rule in RULES[1:]),
        Often("daily, 2 times", RULES[0], 2),
        Often("daily at 9am", RULES[0], at=time(9)),
        Often("every monday at 23:59", RULES[2], at=time(23, 59)),
        Often("now and then", None),
    ]
)
Way = tuple[str, How]
"""Who does it, and how."""
WAY = st.tuples(PEOPLE, HOW)
IDS = st.one_of(st.lists(ROW, min_size=1, max_size=1), st.lists(ROW, min_size=2, max_size=3))
TITLE = st.sampled_from(("alpha", "Beta", "gamma", "delta", "Alpha"))
PRIORITY = st.sampled_from(("low", "medium", "high", "urgent"))
TAG_NAME = st.sampled_from(("red", "blue", "RED", "straße", "STRASSE", "green", "Ⅳ", "iv"))
TAG_CHANGE = st.one_of(
    st.tuples(st.just("rename"), TAG_NAME), st.tuples(st.just("merge"), ROW), st.just(("delete", None))
)
TAG_NAMES = st.lists(TAG_NAME, min_size=1, max_size=3, unique_by=name_key)
KEY = st.sampled_from(("k", "K", "é", "e\u0301"))
SOURCE = st.sampled_from(("https://a.test/1", "http://b.test"))
NOTE = st.sampled_from(("seen", "asked twice", "line\nline"))
DESCRIPTION = st.sampled_from(("some", "more", ""))
PLACE = st.integers(1, 4)
_COMPLETE = [f"complete {which}" for which in ("below", "above", "above", "beside", "beside")]
ROUND = st.sampled_from((*_COMPLETE, "skip below", "skip above", "skip above", "delete below"))
SIDE = st.sampled_from(("before", "after", "first", "last"))

_NEW = {"title": TITLE}
NEW_TODO = st.one_of(
    st.fixed_dictionaries(_NEW, optional={"place": st.sampled_from(("first", "last"))}),
    st.fixed_dictionaries(_NEW | {"parent_id": ROW}),
    st.fixed_dictionaries(_NEW | {"parent_index": st.integers(0, 2)}, optional={"due": DUE}),
    st.fixed_dictionaries(_NEW | {"list_id": ROW, "tags": TAG_NAMES}),
    st.fixed_dictionaries(_NEW | {"repeat": REPEAT}, optional={"due": DUE, "parent_id": ROW, "key": KEY}),
    st.fixed_dictionaries(_NEW | {"start": START}, optional={"due": DUE, "repeat": REPEAT, "parent_id": ROW}),
    st.fixed_dictionaries(_NEW | {"key": KEY}, optional={"source": SOURCE, "parent_index": st.integers(0, 1)}),
    st.fixed_dictionaries(_NEW | {"priority": PRIORITY, "due": DUE}, optional={"description": DESCRIPTION}),
    st.fixed_dictionaries(
        {"title": st.sampled_from(("gamma", ""))}, optional={"list_id": ROW, "parent_id": ROW, "tags": TAG_NAMES}
    ),
)


def _clear(*names: str) -> st.SearchStrategy[list[str]]:
    return st.just(list(names))


_BESIDE = st.one_of(
    *(st.fixed_dictionaries({name: ROW}) for name in ("before", "after")),
    st.fixed_dictionaries({"place": st.sampled_from(("first", "last"))}),
)
MOVE = st.one_of(
    _BESIDE,
    st.fixed_dictionaries({"parent_id": ROW, "place": st.just("first")}),
    st.fixed_dictionaries({"list_id": ROW, "after": ROW}),
    st.fixed_dictionaries({"list_id": ROW}),
    st.fixed_dictionaries({"parent_id": ROW}, optional={"tags": TAG_NAMES}),
    st.fixed_dictionaries({"clear": _clear("parent_id")}, optional={"list_id": ROW}),
)
CHANGE = st.one_of(
    st.fixed_dictionaries(
        {}, optional={"title": TITLE, "description": DESCRIPTION, "priority": PRIORITY, "source": SOURCE}
    ),
    st.fixed_dictionaries({"is_completed": st.booleans()}, optional={"title": TITLE}),
    st.fixed_dictionaries({"add_note": NOTE}, optional={"title": TITLE, "is_completed": st.booleans()}),
    st.tuples(MOVE, NOTE).map(lambda both: both[0] | {"add_note": both[1]}),
    MOVE,
    st.fixed_dictionaries({"due": DUE}, optional={"clear": _clear("repeat")}),
    st.fixed_dictionaries({"start": START}, optional={"due": DUE}),
    st.fixed_dictionaries({"repeat": REPEAT}, optional={"due": DUE}),
    st.fixed_dictionaries(
        {"clear": st.sampled_from((["due"], ["due", "repeat"], ["repeat"], ["description", "source"], ["start"]))}
    ),
    st.fixed_dictionaries({"tags": st.lists(TAG_NAME, max_size=3, unique_by=name_key)}),
    st.fixed_dictionaries({"add_tags": TAG_NAMES}, optional={"remove_tags": TAG_NAMES}),
    st.fixed_dictionaries({"remove_tags": TAG_NAMES}, optional={"parent_id": ROW, "is_completed": st.booleans()}),
)
SEEN = st.sampled_from((*(None,) * 8, 0, 1))
"""Which version to name: none, the present one, or another."""

_LIST = {"name": st.sampled_from(("Home", "HOME", "Work", "№ 1", "No 1", "inbox", "Garden"))}
_COLOUR = st.sampled_from(("grey", "red"))
NEW_LIST = st.fixed_dictionaries(_LIST, optional={"position": PLACE, "color": _COLOUR})
AFTERWARDS = st.sampled_from((("trash", None), ("trash", None), ("move", 0), ("move", 0), ("move", 1), (None, None)))
LIST_CHANGE = st.one_of(
    st.fixed_dictionaries({"afterwards": AFTERWARDS}),
    st.fixed_dictionaries(_LIST),
    st.fixed_dictionaries({"position": PLACE}),
    st.fixed_dictionaries({"is_archived": st.booleans()}, optional={"color": _COLOUR}),
)
ZONES = ("UTC", "Asia/Tokyo", "America/New_York", "Europe/Berlin")
PROFILE = st.one_of(
    st.fixed_dictionaries({"time_zone": st.sampled_from(ZONES)}),
    st.fixed_dictionaries({"default_list_id": ROW}),
    st.fixed_dictionaries({"new_todos": st.sampled_from(("first", "last"))}),
    st.fixed_dictionaries({"clear": _clear("default_list_id")}),
    st.fixed_dictionaries({"display_name": TITLE, "week_start": st.sampled_from(("monday", "sunday"))}),
)
_FILTERS = {
    "status": st.sampled_from(("open", "done", "all", "trashed")),
    "priority": st.lists(PRIORITY, min_size=1, max_size=2, unique=True),
    "list_id": ROW,
    "tags": TAG_NAMES,
    "tags_match": st.sampled_from(("any", "all")),
    "parent_id": ROW,
    "top_level": st.just(True),
    "ids": st.lists(ROW, min_size=1, max_size=4),
    **{name: st.booleans() for name in ("has_due", "has_tags", "has_list", "has_subtasks", "repeats", "started")},
    "overdue": st.just(True),
    "due_after": st.dates(date(2026, 11, 20), date(2026, 12, 6)),
    "due_before": st.dates(date(2026, 11, 20), date(2026, 12, 6)),
    "archived": st.just("include"),
    "key": KEY,
}
FILTER = st.dictionaries(st.sampled_from(sorted(_FILTERS)), st.none(), max_size=3).flatmap(
    lambda names: st.fixed_dictionaries({name: _FILTERS[name] for name in names})
)
ORDER = st.fixed_dictionaries(
    {"sort": st.sampled_from(("created", "updated", "start", "due", "priority", "title", "manual", "pressing"))},
    optional={"direction": st.sampled_from(("asc", "desc"))},
)


def as_sent(value: Any, how: How) -> Any:
    """A request as it is sent: phrases as their text; over REST as objects, where there are such that mean the same."""
    if isinstance(value, When | Often):
        exact = value.exact if isinstance(value, When) and how.face == "rest" else None
        return value.text if exact is None else exact
    if isinstance(value, dict):
        return {name: as_sent(item, how) for name, item in value.items()}
    return [as_sent(item, how) for item in value] if isinstance(value, list) else value


MANDATE = st.sampled_from(
    (
        *(Mandate(proposes=True),) * 4,
        Mandate(),
        Mandate(frozenset({"add", "complete"})),
        Mandate(frozenset({"change"}), proposes=True),
        Mandate(frozenset({"change", "delete"})),
    )
)
"""What an agent may do from then on."""
WITHIN = st.sampled_from(("undo of both", "undo of a move", "tag of others", "list", "propose", "add"))
"""What an agent does at the border of its lists."""
PROPOSED = st.sampled_from(("add", "update", "complete", "complete", "delete", "archive", "delete_tag", "delete_tag"))
MEANWHILE = st.sampled_from(("nothing", "nothing", "rename", "tag another", "tag another", "wait", "forbid"))
_VERB = st.sampled_from(("reopen", "delete", "restore", "skip"))
MIXED = st.lists(
    st.one_of(
        st.fixed_dictionaries({"action": st.just("add"), "title": TITLE}, optional={"parent_id": ROW}),
        st.fixed_dictionaries(
            {"action": st.just("update"), "id": ROW, "title": TITLE}, optional={"priority": PRIORITY}
        ),
        st.fixed_dictionaries({"action": st.just("complete"), "id": ROW}, optional={"ago": st.integers(1, 20)}),
        st.fixed_dictionaries({"action": _VERB, "id": ROW}),
        st.fixed_dictionaries({"action": _VERB, "id": st.integers(0, 1)}),
    ),
    min_size=2,
    max_size=6,
)
"""Items of a mixed batch; `ago` are days since one was completed."""
