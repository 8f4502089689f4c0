"""Show one example of each shape of the contract; `tests/contract/test_openapi.py` holds them to their schemas."""

from __future__ import annotations

from typing import Any, Final

from todo_core.models.exports import (
    ExportedChange,
    ExportedEntry,
    ExportedList,
    ExportedNote,
    ExportedTag,
    ExportedTodo,
)
from todo_core.models.users import PATCHABLE

Json = dict[str, Any]

_AT: Final = "2026-11-27T16:03:22.480113Z"
_LATER: Final = "2026-11-28T08:15:00.112Z"

_DUE: Final[Json] = {
    "date": "2026-12-04",
    "time": "17:00",
    "weekday": "Friday",
    "time_zone": "Europe/Berlin",
    "at": "2026-12-04T16:00:00Z",
    "kind": "time",
}
_REPEAT: Final[Json] = {
    "rule": "FREQ=WEEKLY;BYDAY=FR",
    "words": "every week on Friday",
    "counts_from": "due",
    "scheduled": "2026-12-04T17:00:00",
}
_REMARK: Final[Json] = {"kind": "lost", "field": "duration", "message": "How long it takes is not kept."}
_NOTE: Final[Json] = {
    "id": 9,
    "todo_id": 7,
    "text": "The passport office opens at eight.",
    "author": "Claude",
    "created_at": _AT,
}
_TODO: Final[Json] = {
    "id": 7,
    "title": "Renew the passport",
    "description": None,
    "priority": "high",
    "list_id": 3,
    "parent_id": None,
    "tags": ["papers"],
    "start": None,
    "due": _DUE,
    "repeat": None,
    "is_completed": False,
    "completed_at": None,
    "created_at": _AT,
    "updated_at": _AT,
    "deleted_at": None,
    "all_subtasks": 0,
    "open_subtasks": 0,
    "done_subtasks": 0,
    "key": None,
    "source": None,
    "note_count": 1,
    "version": 1,
}
_WRITTEN: Final[Json] = {**_TODO, "subtasks_changed": 0, "next": None, "existing": False, "similar": []}
_LIST: Final[Json] = {
    "id": 3,
    "name": "Papers",
    "color": "blue",
    "position": 2,
    "is_inbox": False,
    "open_todos": 1,
    "archived_at": None,
    "created_at": _AT,
    "updated_at": _AT,
    "version": 1,
}
_TAG: Final[Json] = {
    "id": 5,
    "name": "papers",
    "open_todos": 1,
    "created_at": _AT,
    "updated_at": _AT,
    "version": 1,
}
_AGENT: Final[Json] = {
    "id": 4,
    "kind": "client",
    "known_as": "https://auth.example.com/api/auth claude",
    "name": "Claude",
    "created_at": _AT,
    "last_used_at": _AT,
    "changes": 12,
    "blocked_at": None,
    "verbs": None,
    "mode": "act",
    "rows_per_day": None,
    "lists": None,
    "own_lists": True,
    "until": None,
    "version": 1,
}
_CALENDAR: Final[Json] = {
    "id": 5,
    "name": "Phone",
    "hint": "Qx7_",
    "list_id": 3,
    "shows": "events",
    "created_at": "2026-11-27T10:15:00Z",
    "last_used_at": None,
    "revoked_at": None,
}
_HELD: Final[Json] = {
    "todos": 120,
    "trashed_todos": 4,
    "lists": 5,
    "tags": 12,
    "notes": 8,
    "changes": 431,
    "tokens": 2,
    "calendars": 1,
    "agents": 3,
    "proposals": 2,
}
_TOKEN: Final[Json] = {
    "id": 2,
    "name": "Laptop",
    "hint": "todo_Ab3d",
    "scopes": ["todos:read", "todos:write"],
    "created_at": _AT,
    "expires_at": "2027-02-25T16:03:22.480113Z",
    "last_used_at": None,
    "revoked_at": None,
    "made_by": None,
}
_PROFILE: Final[Json] = {
    "id": 1,
    "display_name": "Ada",
    "email": "ada@example.com",
    "role": "user",
    "time_zone": "Europe/Berlin",
    "locale": "de-AT",
    "week_start": "monday",
    "default_list_id": None,
    "new_todos": "last",
    "created_at": _AT,
    "updated_at": _AT,
    "version": 2,
}
_ACCOUNT: Final[Json] = {
    "id": 1,
    "issuer": "https://auth.example.com",
    "subject": "ada",
    "email": "ada@example.com",
    "display_name": "Ada",
    "role": "user",
    "created_at": _AT,
    "suspended_at": None,
    "open_todos": 1,
    "done_todos": 0,
    "trashed_todos": 0,
    "live_tokens": 1,
}
_FIELD: Final[Json] = {"field": "title", "code": "too_short", "message": "must have at least 1 characters"}
_PROBLEM: Final[Json] = {
    "type": "about:blank",
    "title": "Unprocessable Content",
    "status": 422,
    "detail": "The request has fields that are not accepted.",
    "error_code": "invalid_input",
    "retryable": False,
    "next_step": "Correct the fields listed in `errors` and send the request again.",
    "errors": [_FIELD],
}
_RECORDS: Final[dict[str, Json]] = {
    "Todo": {**_TODO, "place": {"number": 7340032}},
    "List": {**_LIST, "is_deleted": False, "place": {"number": 1048576}},
    "Tag": {**_TAG, "is_deleted": False},
    "Note": {**_NOTE, "is_deleted": False},
    "Token": _TOKEN,
    "Agent": _AGENT,
    "Calendar": _CALENDAR,
    "Proposal": {
        "id": 5,
        "agent_id": 4,
        "operation": "todos.add",
        "status": "rejected",
        "note": "Not this year.",
        "change_id": None,
    },
    "Profile": {name: _PROFILE[name] for name in (*PATCHABLE, "version")},
    "Account": {"suspended_at": _LATER},
}
_ENTITIES: Final = {"Profile": "user"}
"""What a kind of row is called in the record, where that is another name."""


def _entity(kind: str) -> str:
    return _ENTITIES.get(kind, kind.lower())


_ENTRIES: Final[dict[str, Json]] = {
    kind: {
        "entity": _entity(kind),
        "id": 7,
        "title": _TODO["title"] if kind == "Note" else row.get("title") or row.get("name"),
        "number": 1,
        "is_new": True,
        "before": None,
        "after": row,
    }
    for kind, row in _RECORDS.items()
}
_CONFLICT: Final = {
    "change_id": 11,
    "message": "A later change is in the way.",
    "entity": "todo",
    "id": 7,
    "blocked_by": 12,
}
_UNDONE: Final[dict[str, Json]] = {
    kind: {"entity": _entity(kind), "item": row, "changed": True}
    for kind, row in {
        "Todo": _WRITTEN,
        "List": _LIST,
        "Tag": _TAG,
        "Note": _NOTE,
        "Profile": {**_PROFILE, "todos_shown_otherwise": 0},
    }.items()
}
_CHANGE: Final[Json] = {
    "id": 12,
    "at": _AT,
    "operation": "todos.add",
    "via": "mcp:add_todos",
    "client": "Claude",
    "token_id": 2,
    "agent_id": 4,
    "request_id": "0b6a7c1e0f3d2a4c0000000000000007",
    "proposal_id": None,
    "approved_by": None,
    "undoes": None,
    "undoes_also": [],
    "undone_by": None,
    "entries": [_ENTRIES["Todo"]],
    "more_entries": 0,
    "next_entry": None,
}
_PROPOSAL: Final[Json] = {
    "id": 5,
    "agent_id": 4,
    "operation": "todos.add",
    "status": "waiting",
    "agent_says": "It was in the letter from the town hall.",
    "said_at": _AT,
    "said_in": "Europe/Berlin",
    "via": "mcp:add_todos",
    "client": "Claude",
    "expires_at": "2026-12-04T16:03:22.480113Z",
    "decided_at": None,
    "decided_by": None,
    "note": None,
    "change_id": None,
    "entries": [_ENTRIES["Todo"]],
    "more_entries": 0,
}
_DONE: Final[Json] = {"operation": "todos.add", "changes": 1}
_REVIEW: Final[Json] = {
    "reviewed_through": 11,
    "through": 12,
    "agents": [
        {
            "agent_id": 4,
            "name": "Claude",
            "waiting": 1,
            "done": [_DONE],
            "changes": [_CHANGE],
            "more_changes": 0,
        }
    ],
    "more_agents": 0,
}
_IN_EXPORTS: Final = {"List": "lists", "Tag": "tags", "Todo": "todos", "Note": "notes"}
_EXPORTED: Final[dict[str, Json]] = {
    shape.__name__: {name: row.get(name) for name in shape.model_fields}
    for shape, row in (
        (ExportedList, _LIST),
        (ExportedTag, _TAG),
        (ExportedTodo, _TODO),
        (ExportedNote, _NOTE),
        (ExportedChange, _CHANGE),
        (ExportedEntry, {"change_id": 12, "entry": _ENTRIES["Todo"]}),
    )
}
_EXPORTED["ExportedHistory"] = {
    "changes": [_EXPORTED["ExportedChange"]],
    "entries": [_EXPORTED["ExportedEntry"]],
    "active_days": ["2026-11-27"],
}
_FLOW: Final[Json] = {"added": 4, "completed": 3}
_TOTALS: Final[Json] = {**_FLOW, "overdue": 1, "completion_rate": 0.75}
_DIFFERENCE: Final[Json] = {"added": 1, "completed": -1, "overdue": 0, "completion_rate": None}
_STREAK: Final[Json] = {"current": 3, "longest": 11, "last_day": "2026-11-27"}
_COUNTED: Final[Json] = {"id": 3, "name": "Papers", "open": 1}
_NEW_TODO: Final[Json] = {"title": "Renew the passport", "priority": "high", "due": "fri 5pm", "tags": ["papers"]}
_MIXED_ADD: Final[Json] = {"action": "add", "key": "phone-18", **_NEW_TODO}
_MIXED_COMPLETE: Final[Json] = {"action": "complete", "key": "phone-17", "completed_at": "2026-11-26T08:15:00Z"}
_RATE: Final[Json] = {"requests": 1200, "seconds": 60}
_BOUNDS: Final[Json] = {
    "rate": _RATE,
    "batch_items": 50,
    "page_rows": 200,
    "retry_hours": 24,
    "offline_days": 30,
    "trash_days": 30,
    "history_days": None,
}
_PATCH: Final[Json] = {"title": "Renew both passports", "due": None}


def _page(row: Json) -> Json:
    return {"items": [row], "total": 1, "page_size": 50, "next_cursor": None}


EXAMPLES: Final[dict[str, Any]] = {
    **{f"{kind}Record": row for kind, row in _RECORDS.items()},
    **{f"{kind}Entry": entry for kind, entry in _ENTRIES.items()},
    **{f"{kind}Undone": row for kind, row in _UNDONE.items()},
    "ChangeEntry": _ENTRIES["Todo"],
    "UndoneRow": _UNDONE["Todo"],
    "TodoRead": _TODO,
    "TodoDetail": {**_TODO, "notes": [_NOTE]},
    "TodoWritten": _WRITTEN,
    "SimilarTodo": {"id": 12, "title": "Renew passport", "list_id": 1, "list": "Inbox"},
    "TodoCreate": _NEW_TODO,
    "NewTodo": _NEW_TODO,
    "TodoPatch": _PATCH,
    "TodoUpdate": {"id": 7, "if_version": 1, **_PATCH},
    "TodoPage": _page(_TODO),
    "Due": _DUE,
    "DueInput": "tomorrow 5pm",
    "DueExact": {"date": "2026-12-04", "time": "17:00"},
    "RepeatRead": _REPEAT,
    "RepeatInput": "every friday",
    "RepeatExact": {"rule": "FREQ=WEEKLY;BYDAY=FR"},
    "Completion": {"is_completed": False},
    "AddBatch": {"action": "add", "todos": [_NEW_TODO]},
    "UpdateBatch": {"action": "update", "todos": [{"id": 7, **_PATCH}]},
    "CompleteBatch": {"action": "complete", "ids": [7, 8]},
    "IdsBatch": {"action": "delete", "ids": [7, 8]},
    "MixedBatch": {"action": "mix", "items": [_MIXED_ADD, _MIXED_COMPLETE]},
    "MixedItem": _MIXED_ADD,
    "MixedAdd": _MIXED_ADD,
    "MixedUpdate": {"action": "update", "id": 7, "title": "Renew both passports"},
    "MixedComplete": _MIXED_COMPLETE,
    "MixedVerb": {"action": "delete", "id": 8},
    "BatchResult": {"item": _WRITTEN, "changed": True, "error": None},
    "BatchRead": {
        "change_id": 12,
        "results": [
            {"item": _WRITTEN, "changed": True, "error": None},
            {"item": None, "changed": False, "error": _PROBLEM},
        ],
    },
    "NoteRead": _NOTE,
    "NoteCreate": {"text": _NOTE["text"]},
    "NotePage": _page(_NOTE),
    "ListRead": _LIST,
    "ListCreate": {"name": "Papers", "color": "blue"},
    "ListPatch": {"is_archived": True},
    "ListPage": _page(_LIST),
    "TagRead": _TAG,
    "TagPatch": {"name": "documents"},
    "TagMerge": {"into": 6},
    "TagPage": _page(_TAG),
    "Linked": {"into": 6, "todos": [7]},
    "Place": {"number": 7340032},
    "Near": {"did_you_mean": "passport", "items": [_TODO]},
    "SearchRead": {**_page(_TODO), "near": None},
    "ChangeRead": _CHANGE,
    "ChangeFeed": {"items": [_CHANGE], "page_size": 50, "has_more": False, "next_cursor": None, "since": 12},
    "DoneCount": _DONE,
    "AgentReview": _REVIEW["agents"][0],
    "ReviewRead": _REVIEW,
    "ReviewMark": {"through": 12},
    "ProposalRead": _PROPOSAL,
    "ProposalPage": {"items": [_PROPOSAL], "page_size": 50, "has_more": False, "next_cursor": None, "since": None},
    "ProposalNote": {"note": "Thank you."},
    "ProposalSet": {"ids": [5, 6], "note": "Thank you."},
    "DecidedRead": {"results": [{"item": _PROPOSAL, "error": None}]},
    "Decided": {"item": _PROPOSAL, "error": None},
    "ProposalDifference": {"entity": "todo", "id": 7, "title": "Renew the passport", "message": "was changed since"},
    "ChangeSet": {"agent": 4, "when": "this morning", "skip_conflicts": True},
    "UndoConflict": _CONFLICT,
    "UndoneRead": {"change_id": 13, "results": [_UNDONE["Todo"]], "more_results": 0},
    "UndoneSetRead": {"change_id": 13, "results": [_UNDONE["Todo"]], "more_results": 0, "skipped": [_CONFLICT]},
    "Overview": {
        "now": _AT[:19] + "Z",
        "today": "2026-11-27",
        "weekday": "Friday",
        "time_zone": "Europe/Berlin",
        "display_name": "Ada",
        "locale": "de-AT",
        "week_start": "monday",
        "open": 1,
        "open_by_priority": {"low": 0, "medium": 0, "high": 1, "urgent": 0},
        "due_today": 0,
        "overdue": 0,
        "not_started": 0,
        "completed_today": 2,
        "done": 14,
        "trashed": 0,
        "lists": [_COUNTED],
        "archived_lists": 0,
        "tags": [{"id": 5, "name": "papers", "open": 1}],
        "all_tags": 1,
        "last_change_id": 12,
        "mandate": None,
    },
    "OpenByPriority": {"low": 0, "medium": 0, "high": 1, "urgent": 0},
    "Counted": _COUNTED,
    "Streak": _STREAK,
    "Streaks": {"logins": _STREAK, "completions": _STREAK},
    "Summary": {
        "open": 1,
        "due_today": 0,
        "overdue": 0,
        "completed_7_days": 3,
        "completed_30_days": 14,
        "average_seconds_to_complete": 86400,
    },
    "DayFlow": {**_FLOW, "date": "2026-11-27", "weekday": "Friday"},
    "ListFlow": {**_FLOW, "id": 3, "name": "Papers"},
    "TagFlow": {**_FLOW, "name": "papers"},
    "PriorityFlow": {**_FLOW, "priority": "high"},
    "Totals": _TOTALS,
    "Difference": _DIFFERENCE,
    "WeeklyReport": {
        **_TOTALS,
        "first_day": "2026-11-23",
        "last_day": "2026-11-29",
        "time_zone": "Europe/Berlin",
        "week_start": "monday",
        "is_over": False,
        "by_day": [{**_FLOW, "date": "2026-11-27", "weekday": "Friday"}],
        "by_list": [{**_FLOW, "id": 3, "name": "Papers"}],
        "by_tag": [{**_FLOW, "name": "papers"}],
        "by_priority": [{**_FLOW, "priority": "high"}],
        "week_before": _TOTALS,
        "difference": _DIFFERENCE,
    },
    "ProfileRead": _PROFILE,
    "ProfileWritten": {**_PROFILE, "todos_shown_otherwise": 0},
    "ProfilePatch": {"time_zone": "Europe/Berlin"},
    "Rate": _RATE,
    "Bounds": _BOUNDS,
    "Capabilities": {
        "kind": "api_token",
        "scopes": ["todos:read"],
        "expires_at": None,
        "mandate": "This agent may: read. Only the person can change that.",
        "limits": _BOUNDS,
    },
    "Export": {
        "format": "todo-mcp",
        "version": 1,
        "exported_at": _LATER,
        "origin": "9f2c41d79f2c41d7.todo-mcp",
        "profile": _PROFILE,
        **{name: [_EXPORTED[f"Exported{kind}"]] for kind, name in _IN_EXPORTS.items()},
        "history": None,
    },
    **_EXPORTED,
    "AgentRead": _AGENT,
    "AgentPatch": {"name": "Claude at work", "verbs": ["read", "add"], "rows_per_day": 100},
    "Mandate": {"verbs": ["read", "add"], "mode": "act", "rows_per_day": None, "lists": None, "own_lists": True},
    "AgentPage": _page(_AGENT),
    "ImportWritten": {
        "format": "todoist",
        "todos": 41,
        "done": 0,
        "trashed": 0,
        "notes": 3,
        "lists": 1,
        "tags": 2,
        "profile": False,
        "existing": 0,
        "existing_in_trash": 0,
        "left_out": 0,
        "summary": [{**_REMARK, "count": 1}],
        "remarks": [{"at": "line 12", **_REMARK}],
        "more_remarks": 0,
        "change_id": 12,
    },
    "ImportRemark": {"at": "line 12", **_REMARK},
    "ImportRemarks": {**_REMARK, "count": 1},
    "TokenRead": _TOKEN,
    "TokenCreate": {"name": "Laptop", "scopes": ["todos:read"], "expires_in_days": 30, "mandate": None},
    "TokenCreated": {**_TOKEN, "token": "todo_…"},
    "TokenPage": _page(_TOKEN),
    "CalendarRead": _CALENDAR,
    "CalendarCreate": {"name": "Phone", "list_id": 3, "shows": "events"},
    "CalendarCreated": {**_CALENDAR, "address": "https://todo.example.com/calendar/….ics"},
    "CalendarPage": _page(_CALENDAR),
    "Held": _HELD,
    "Leaving": {"is_deleted": False, "code": "1795953600.3f9c41d7", "expires_at": _LATER, "held": _HELD},
    "AccountRead": _ACCOUNT,
    "AccountPage": _page(_ACCOUNT),
    "Problem": _PROBLEM,
    "FieldProblem": _FIELD,
    "Health": {"status": "ok"},
}
"""By the name of the schema."""

PARAMETERS: Final[dict[str, Any]] = {
    **{
        f"{kind}_id": 7
        for kind in ("todo", "list", "tag", "change", "token", "calendar", "agent", "proposal", "user", "parent")
    },
    "idempotency-key": "0b6a7c1e-add-7",
    "dry-run": "true",
    "proposal-reason": "It was in the letter.",
    "if-match": '"3.9f2c41d7"',
    "if-none-match": '"3.9f2c41d7"',
    "status": "open",
    "priority": ["high", "urgent"],
    "tags": ["papers"],
    "tags_match": "all",
    "top_level": True,
    "ids": [7, 8],
    "key": "mail-4711",
    "text": "passport",
    **dict.fromkeys(("has_due", "has_tags", "has_list", "has_subtasks", "repeats", "overdue", "started"), True),
    **{f"{field}_after": "monday" for field in ("due", "created", "updated", "completed")},
    **{f"{field}_before": "2026-12-31" for field in ("due", "created", "updated", "completed")},
    "archived": "include",
    "sort": "pressing",
    "direction": "asc",
    "limit": 50,
    "offset": 0,
    "cursor": "WyIyMDI2LTExLTI3",
    "todos": "move",
    "move_to": 3,
    "week": "last week",
    "format": "svg",
    "export.format": "ics",
    "import.format": "todoist",
    "list": "Home",
    "history": True,
    "since": 12,
    "last-event-id": "12",
    "before": 12,
    "when": "this morning",
    "made_after": "monday",
    "made_before": "2026-12-31",
    "client": "claude",
    "agent": 4,
    "entity": "todo",
    "entity_id": 7,
    "code": "1795953600.3f9c41d7",
    "rows": False,
    "wait": 30,
    "after": 100,
    "admin.status": "suspended",
    "proposals.status": "waiting",
    "admin.cursor": 7,
}
"""By the name of the parameter; with a tag before it, for the operations of that tag."""
