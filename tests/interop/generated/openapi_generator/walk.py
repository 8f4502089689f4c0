"""What an application does with the API, by the Python client that openapi-generator makes. Prints what it was told."""

from __future__ import annotations

import json
import sys
from typing import Any

import todo_client
from todo_client import AddBatch, BatchTodosRequest, ChangesApi, DueInput, NewTodo, TodoCreate, TodoPatch, TodosApi

url, token, proposing = sys.argv[1:]
client = todo_client.ApiClient(todo_client.Configuration(host=url, access_token=token))
todos, changes_api = TodosApi(client), ChangesApi(client)
agent = TodosApi(todo_client.ApiClient(todo_client.Configuration(host=url, access_token=proposing)))


def update(todo_id: int, patch: TodoPatch, etag: str | None = None) -> Any:
    """The todo, or the problem."""
    try:
        return todos.update_todo(todo_id, patch, if_match=etag)
    except todo_client.ApiException as error:
        return todo_client.Problem.from_json(error.body)


def header(response: Any, name: str) -> str:
    """A header, however it is spelled."""
    return {key.lower(): value for key, value in response.headers.items()}[name]


added = todos.add_todo_with_http_info(NewTodo(title="Renew the passport"), idempotency_key="a-key")
again = todos.add_todo(NewTodo(title="Renew the passport"), idempotency_key="a-key")
todo_id, etag = added.data.id, header(added, "etag")
renamed = update(todo_id, TodoPatch(title="Renew both passports"), etag)
stale = update(todo_id, TodoPatch(title="Renew none"), etag)
unclear = update(todo_id, TodoPatch(due=DueInput("someday")))
listed = todos.list_todos(priority=["medium", "high"])
completed = todos.complete_todo_with_http_info(todo_id)
items = [TodoCreate(title="Book a flight"), TodoCreate(title="Book a flight", list_id=2**40)]
batch = todos.batch_todos(BatchTodosRequest(AddBatch(action="add", todos=items)))
changes = changes_api.list_changes(since=0)
undone = changes_api.undo_change(int(header(completed, "change-id")))
proposed = agent.add_todo_with_http_info(NewTodo(title="Sign the form"))
discarded = agent.delete_todo_with_http_info(todo_id)
waiting = [one.status_code == 202 and int(header(one, "proposal-id")) > 0 for one in (proposed, discarded)]
rows = [(change.operation, entry.actual_instance) for change in changes.items for entry in change.entries]
print(
    json.dumps(
        {
            "again": again.id == todo_id,
            "renamed": renamed.title,
            "stale": [stale.error_code, stale.current["title"]],
            "unclear": [unclear.error_code, f"{unclear.errors[0].var_field}: {unclear.errors[0].code}"],
            "listed": [todo.title for todo in listed.items],
            "completed": completed.data.is_completed,
            "batch": [result.item.title if result.item else result.error.error_code for result in batch.results],
            "changes": [[name, entry.after.title if entry.entity == "todo" else ""] for name, entry in rows][-4:],
            "undone": [[row.entity, row.item.title] for row in (one.actual_instance for one in undone.results)],
            "proposed": [proposed.data.title, *waiting],
        }
    )
)
