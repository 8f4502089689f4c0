"""Accounts, for admins: list, suspend, reactivate, delete. No admin reads another user's todos (OW5).

These run as `todo_admin`, which may see accounts and count rows; PostgreSQL lets nobody be it whose
role is not admin, and lets it read no title.
"""

from __future__ import annotations

from typing import Final

import orjson

from todo_core.boundary import recording
from todo_core.boundary.operation import Tx, operation
from todo_core.boundary.results import Changed, Done, Found, Page, Touched
from todo_core.errors import Conflict, NotForApps, NotFound
from todo_core.models.accounts import AccountQuery, AccountRead
from todo_core.queries import accounts as queries
from todo_core.rules.leaving import delete_account
from todo_core.text.json_text import json_text

_NO_ACCOUNT: Final = "There is no such account."


@operation(effect="reads", scope="admin", raises=(NotForApps,), for_apps=False)
async def list_(tx: Tx, wanted: AccountQuery) -> Page[AccountRead]:
    """List accounts with the number of their todos and tokens, oldest first. What is in them is nobody's business."""
    row = await tx.one(queries.PAGE, status=wanted.status, cursor=wanted.cursor, limit=wanted.limit)
    cursor = row["next_cursor"]
    return Page(row["rows"], row["total"], wanted.limit, None if cursor is None else str(cursor))


@operation(effect="reads", scope="admin", raises=(NotForApps, NotFound), for_apps=False)
async def get(tx: Tx, user_id: int) -> Found[AccountRead]:
    """Read one account."""
    return Found(await _read(tx, user_id))


@operation(
    effect="changes",
    proposable=False,
    scope="admin",
    raises=(NotForApps, NotFound, Conflict),
    destructive=True,
    for_apps=False,
)
async def suspend(tx: Tx, user_id: int) -> Changed[AccountRead]:
    """Suspend an account: every request of its user is refused, at once and everywhere."""
    return await _set_suspended(tx, user_id, True)


@operation(
    effect="changes",
    proposable=False,
    scope="admin",
    raises=(NotForApps, NotFound, Conflict),
    for_apps=False,
    formerly=("accounts.suspend", False),
)
async def reactivate(tx: Tx, user_id: int) -> Changed[AccountRead]:
    """Let a suspended account in again. Its tokens work as before, and its person can read what happened to it."""
    account = await _read_other(tx, user_id)
    if orjson.loads(account)["suspended_at"] is None:
        return Changed([Done(account, changed=False)])
    await tx.rows(queries.ACT_FOR, account=user_id)
    reactivated = await _set_suspended(tx, user_id, False)
    for entry in reactivated.touched:
        await _tell(tx, entry)
    await tx.rows(queries.ACT_FOR, account=tx.caller.principal.user_id)
    return reactivated


async def _set_suspended(tx: Tx, user_id: int, suspended: bool) -> Changed[AccountRead]:
    """Suspend an account or let it in again; one that is so already stays as it is."""
    before = await _read_other(tx, user_id)
    changed = await tx.row(queries.SUSPEND, id=user_id, suspended=suspended)
    after = await _read(tx, user_id)
    if changed is None:  # it was so, or another admin was faster
        return Changed([Done(after, changed=False)])
    return Changed([Done(after)], [Touched("account", user_id, _recorded(before), _recorded(after))])


async def _tell(tx: Tx, entry: Touched) -> None:
    """Record for the person of an account that it was suspended, and is no longer.

    Both only now: who is suspended can read nothing, and a write that is still running would keep the admin waiting.

    Args:
        tx: The transaction, which acts for the person.
        entry: The account, as it was let in again.
    """
    assert entry.before is not None  # the account was there
    for name, before, after in (
        ("accounts.suspend", entry.after, entry.before),
        ("accounts.reactivate", entry.before, entry.after),
    ):
        await tx.rows(
            queries.TELL,
            account=entry.id,
            operation=name,
            via=tx.caller.via,
            client=None,
            token_id=None,
            agent_id=None,
            request_id=tx.caller.request_id,
            **recording.columns([Touched(entry.entity, entry.id, before, after)]),
        )


@operation(
    effect="changes",
    proposable=False,
    scope="admin",
    raises=(NotForApps, NotFound, Conflict),
    destructive=True,
    for_apps=False,
)
async def delete(tx: Tx, user_id: int) -> Changed[AccountRead]:
    """Delete an account with everything in it, for good. It cannot be undone.

    With `TODO_DELETION_IS_FINAL`, whoever it was is not let in again.
    """
    before = _recorded(await _read_other(tx, user_id))
    if not await delete_account(tx, user_id):
        # Another admin was faster, or the person.
        raise NotFound(_NO_ACCOUNT)
    touched = [Touched("account", user_id, before, json_text({"is_deleted": True}))]
    return Changed([Done(before)], touched, gone=user_id)


async def _read(tx: Tx, user_id: int) -> str:
    row = await tx.row(queries.ONE, id=user_id)
    if row is None:
        raise NotFound(_NO_ACCOUNT)
    account: str = row["row"]
    return account


async def _read_other(tx: Tx, user_id: int) -> str:
    if user_id == tx.caller.principal.user_id:
        raise Conflict("This is your own account; another admin can do this.")
    return await _read(tx, user_id)


def _recorded(account: str) -> str:
    """Return what the record keeps of an account: nothing personal, for it outlives a deletion."""
    return json_text({"suspended_at": orjson.loads(account)["suspended_at"]})
