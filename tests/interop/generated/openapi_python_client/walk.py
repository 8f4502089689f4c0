"""What an application does with the API, by the client that openapi-python-client makes. Prints what it was told."""

from __future__ import annotations

import json
import sys
from io import BytesIO
from typing import Any

from todo_client import AuthenticatedClient
from todo_client.api.changes import list_changes, undo_change
from todo_client.api.import_ import import_todos
from todo_client.api.todos import add_todo, batch_todos, complete_todo, delete_todo, list_todos, update_todo
from todo_client.models import AddBatch, ListTodosPriorityItem, Problem, TodoCreate, TodoEntry, TodoPatch, TodoUndone
from todo_client.types import File

url, token, proposing = sys.argv[1:]
client = AuthenticatedClient(base_url=url, token=token)
agent = AuthenticatedClient(base_url=url, token=proposing)


def rename(todo_id: int, title: str, etag: str) -> Any:
    return update_todo.sync(todo_id, client=client, body=TodoPatch(title=title), if_match=etag)


added = add_todo.sync_detailed(client=client, body=TodoCreate(title="Renew the passport"), idempotency_key="a-key")
again = add_todo.sync(client=client, body=TodoCreate(title="Renew the passport"), idempotency_key="a-key")
todo_id, etag = added.parsed.id, added.headers["ETag"]
renamed = rename(todo_id, "Renew both passports", etag)
stale = rename(todo_id, "Renew none", etag)
unclear = update_todo.sync(todo_id, client=client, body=TodoPatch(due="someday"))
assert isinstance(stale, Problem)
assert isinstance(unclear, Problem)
listed = list_todos.sync(client=client, priority=[ListTodosPriorityItem.MEDIUM, ListTodosPriorityItem.HIGH])
completed = complete_todo.sync_detailed(todo_id, client=client)
items = [TodoCreate(title="Book a flight"), TodoCreate(title="Book a flight", list_id=2**40)]
batch = batch_todos.sync(client=client, body=AddBatch(action="add", todos=items))
changes = list_changes.sync(client=client, since=0)
undone = undo_change.sync(int(completed.headers["Change-Id"]), client=client)
proposed = add_todo.sync_detailed(client=agent, body=TodoCreate(title="Sign the form"))
discarded = delete_todo.sync_detailed(todo_id, client=agent)
waiting = [one.status_code == 202 and int(one.headers["Proposal-Id"]) > 0 for one in (proposed, discarded)]
imported = import_todos.sync(client=client, body=File(payload=BytesIO(b"TYPE,CONTENT\ntask,Pack\n")))
assert imported.todos == 1, imported
rows = [(change.operation, entry) for change in changes.items for entry in change.entries]
print(
    json.dumps(
        {
            "again": again.id == todo_id,
            "renamed": renamed.title,
            "stale": [stale.error_code.value, stale.current["title"]],
            "unclear": [unclear.error_code.value, f"{unclear.errors[0].field}: {unclear.errors[0].code.value}"],
            "listed": [todo.title for todo in listed.items],
            "completed": completed.parsed.is_completed,
            "batch": [result.item.title if result.item else result.error.error_code.value for result in batch.results],
            "changes": [[name, entry.after.title if isinstance(entry, TodoEntry) else ""] for name, entry in rows][-4:],
            "undone": [[row.entity, row.item.title if isinstance(row, TodoUndone) else ""] for row in undone.results],
            "proposed": [proposed.parsed.title, *waiting],
        }
    )
)
