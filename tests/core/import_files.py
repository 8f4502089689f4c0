# ruff: noqa: E501  # a row of a table is a line
"""Files of each format, written for tests: one of everything that the tables of `specs/domain/imports.md` name."""

from __future__ import annotations

from typing import Any, Final

import orjson


def calendar(*components: str, head: str = "") -> str:
    """A VCALENDAR with components, each line of which ends as RFC 5545 has it."""
    text = "\n".join(["BEGIN:VCALENDAR", "VERSION:2.0", *([head] if head else []), *components, "END:VCALENDAR", ""])
    return text.replace("\n", "\r\n")


def vtodo(*lines: str) -> str:
    return "\n".join(["BEGIN:VTODO", *lines, "END:VTODO"])


OWN_ZONE: Final = """BEGIN:VTIMEZONE
TZID:Our Office
BEGIN:STANDARD
DTSTART:19700101T000000
TZOFFSETFROM:+0300
TZOFFSETTO:+0300
END:STANDARD
END:VTIMEZONE"""
ICS: Final = calendar(
    OWN_ZONE,
    vtodo(
        "UID:day", "SUMMARY:Day\\, and more", "DUE;VALUE=DATE:20261224", "PRIORITY:1", "CATEGORIES:a,b", "CATEGORIES:c"
    ),
    vtodo("UID:floating", "SUMMARY:Floating", "DUE:20261224T173000", "PRIORITY:9", "DESCRIPTION:one\\ntwo"),
    vtodo("UID:berlin", "SUMMARY:Berlin", "DUE;TZID=W. Europe Standard Time:20261224T173000"),
    vtodo("UID:chicago", "SUMMARY:Chicago", "DUE;TZID=America/Chicago:20261224T173000", "URL:https://example.test/1"),
    vtodo("UID:office", "SUMMARY:Office", "DUE;TZID=Our Office:20261224T173000"),
    vtodo("UID:nowhere", "SUMMARY:Nowhere", "DUE;TZID=Mars/Olympus:20261224T173000"),
    vtodo("UID:utc", "SUMMARY:UTC", "DTSTART:20261224T090000Z", "DURATION:PT1H"),
    vtodo(
        *("UID:weekly", "SUMMARY:Weekly", "DTSTART;TZID=Europe/Berlin:20261221T090000"),
        *("RRULE:FREQ=WEEKLY;BYDAY=MO;COUNT=6", "EXDATE;TZID=Europe/Berlin:20261228T090000"),
        *("BEGIN:VALARM", "TRIGGER:broken", "no colon", "END:VALARM"),
    ),
    vtodo("UID:hourly", "SUMMARY:Hourly", "DUE:20261224T090000", "RRULE:FREQ=HOURLY"),
    vtodo("UID:weekly", "SUMMARY:Weekly", "RECURRENCE-ID:20261228T090000", "DUE:20261228T100000"),
    vtodo("UID:done", "SUMMARY:Done", "COMPLETED:20260102T030405Z", "STATUS:NEEDS-ACTION", "CREATED:20250101T000000"),
    vtodo("UID:cancelled", "SUMMARY:Cancelled", "STATUS:CANCELLED"),
    vtodo("UID:child", "SUMMARY:Child", "RELATED-TO:day", "X-APPLE-SORT-ORDER:2"),
    vtodo("UID:first", "SUMMARY:First", "RELATED-TO;RELTYPE=PARENT:day", "X-APPLE-SORT-ORDER:1"),
    vtodo("UID:lost", "SUMMARY:Lost", "RELATED-TO:nobody"),
    vtodo("UID:bad", "SUMMARY:Bad", "DUE:notadate", "PRIORITY:high", "RRULE:FREQ=BANANA", "no colon at all"),
    vtodo("DESCRIPTION:Only a description\\nin lines"),
    "BEGIN:VEVENT\nSUMMARY:Event\nEND:VEVENT",
    "BEGIN:VTODO\nUID:open\nSUMMARY:No end",
    head="X-WR-CALNAME:Tasks\\, mine",
)
TODOIST: Final = """TYPE,CONTENT,DESCRIPTION,PRIORITY,INDENT,AUTHOR,RESPONSIBLE,DATE,DATE_LANG,TIMEZONE,DURATION,DURATION_UNIT,meta,DEADLINE
meta,view_style=list,,,,,,,,,,,,
task,Top @home,Details,1,1,Ann (1),Bob (2),2026-12-24,en,Europe/Berlin,30,minute,,2026-12-31
note,"First note
in lines",,,,,,,,,,,,
note," [[file {""file_name"":""a.png""}]]",,,,,,,,,,,,
,,,,,,,,,,,,,
task,Below,,4,2,,,every friday,en,,,,,
task,Deep,,3,3,,,jeden Montag,de,,,,,
task,Top again,,2,1,,,,,,,,,2026-12-31
section,Later,,,,,,,,,,,,
task,* Heading,,4,1,,,,,,,,,
task,Strange,,p1,1,,,ev day at 9am until tea,en,,,,,
note,
bogus,x,,,,,,,,,,,,
"""
TICKTICK: Final = """\ufeff"Date: 2026-11-25+0000"
"Version: 7.1"
"Status:
0 Normal
1 Completed
2 Archived"
"Folder Name","List Name","Title","Kind","Tags","Content","Is Check list","Start Date","Due Date","Reminder","Repeat","Priority","Status","Created Time","Completed Time","Order","Timezone","Is All Day","Is Floating","Column Name","Column Order","View Mode","taskId","parentId"
"Work","Project","All day","TEXT","a, b","Text","N","2026-12-23T23:00:00+0000","2026-12-23T23:00:00+0000","-PT1H","","5","0","2025-01-01T10:00:00+0000","","10","Europe/Berlin","true","false","Doing",,"list","1",""
"Work","Project","Timed","TEXT","","","N","","2026-12-24 17:30:00","","RRULE:FREQ=DAILY;INTERVAL=2","1","0","2025-01-01 10:00:00","","5","Europe/Berlin","false","false",,,"list","2",""
"","Inbox","Elsewhere","TEXT","","","N","","2026-12-24T17:30:00+0000","","","3","0","2025-01-01T10:00:00+0000","","0","America/Chicago","false","false",,,"list","3","1"
"","Inbox","Done","CHECKLIST","","- one","Y","","","","","p1","2","2025-01-01T10:00:00+0000","2025-02-01T10:00:00+0000","x","","","false",,,"list","4",""
"""
MICROSOFT: Final[dict[str, Any]] = {
    "value": [
        {
            "displayName": "Groceries",
            "tasks": [
                {
                    "id": "A",
                    "title": "Task",
                    "importance": "high",
                    "status": "inProgress",
                    "categories": ["Red"],
                    "createdDateTime": "2025-01-01T10:00:00.1234567Z",
                    "body": {"content": "<p>One<br>two</p><script>x</script>", "contentType": "html"},
                    "dueDateTime": {"dateTime": "2026-12-23T23:00:00.0000000", "timeZone": "UTC"},
                    "reminderDateTime": {"dateTime": "2026-12-23T23:00:00.0000000", "timeZone": "UTC"},
                    "linkedResources": [{"webUrl": "https://example.test/1"}],
                    "recurrence": {
                        "pattern": {
                            "type": "relativeMonthly",
                            "interval": 1,
                            "daysOfWeek": ["thursday"],
                            "index": "last",
                        },
                        "range": {"type": "noEnd", "endDate": "0001-01-01"},
                    },
                    "checklistItems": [{"id": "B", "displayName": "Step", "isChecked": True}, 7],
                },
                {
                    "id": "C",
                    "title": "Done",
                    "status": "completed",
                    "importance": "low",
                    "dueDateTime": {"dateTime": "2026-12-24T05:00:00.0000000", "timeZone": "UTC"},
                    "completedDateTime": {"dateTime": "2026-01-02T05:00:00", "timeZone": "W. Europe Standard Time"},
                },
            ],
        }
    ]
}
GOOGLE: Final[dict[str, Any]] = {
    "kind": "tasks#taskLists",
    "items": [
        {
            "title": "Mine",
            "items": [
                {"id": "a", "title": "Parent", "due": "2026-12-24T03:00:00Z", "notes": "Text", "status": "needsAction"},
                {
                    "id": "b",
                    "title": "Child",
                    "parent": "a",
                    "status": "completed",
                    "completed": "2026-01-02T03:04:05Z",
                },
                {"id": "c", "title": "Gone", "deleted": True, "hidden": True},
                {"id": "d", "title": "   "},
                "no object",
            ],
        },
        {"title": "Empty", "items": []},
    ],
}
OURS: Final[dict[str, Any]] = {
    "format": "todo-mcp",
    "version": 1,
    "profile": {"time_zone": "Europe/Berlin"},
    "lists": [{"id": 1, "name": "Inbox", "is_inbox": True}, {"id": 2, "name": "Home", "color": "red"}],
    "tags": [{"name": "t"}],
    "todos": [
        {
            "id": 1,
            "title": "a",
            "list_id": 2,
            "due": {"kind": "day", "date": "2026-12-24", "time": None},
            "tags": ["t"],
        },
        {"id": 2, "title": "b", "list_id": 2, "parent_id": 1, "key": "k", "completed_at": "2026-01-02T03:04:05Z"},
    ],
    "notes": [{"todo_id": 1, "text": "n", "author": "Claude", "created_at": "2026-01-02T03:04:05Z"}],
}
FILES: Final[dict[str, bytes]] = {
    "ics": ICS.encode(),
    "todoist": TODOIST.encode(),
    "ticktick": TICKTICK.encode(),
    "microsoft": orjson.dumps(MICROSOFT),
    "google": orjson.dumps(GOOGLE),
    "json": orjson.dumps(OURS),
}
"""By format."""
