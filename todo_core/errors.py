"""Refuse a request, with one of the errors of this tree.

    TodoError
    ├── InvalidInput 422
    │   └── IdempotencyKeyReused 422
    ├── Unauthenticated 401
    ├── Forbidden 403
    │   ├── InsufficientScope
    │   ├── NotForApps
    │   ├── NotForAgents
    │   ├── AgentBlocked
    │   ├── OutsideMandate
    │   ├── NotOwner
    │   └── Suspended
    ├── NotFound 404
    ├── Conflict 409
    │   ├── VersionConflict 412
    │   ├── SimilarExists
    │   ├── UndoRefused
    │   ├── ConfirmationRequired
    │   ├── TooManyProposals
    │   ├── ProposalDecided
    │   ├── ProposalStale
    │   └── RequestInProgress
    ├── HistoryDeleted 410
    ├── TooManyRequests 429
    └── Unavailable 503

The first line of a class's docstring is the message its callers read, the rest of the
docstring tells them what to do next. Neither ever contains what the caller sent.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Literal

MOST_LISTED: Final = 20
"""Most refused fields that are listed: whoever has more of them corrects something else first."""

FieldCode = Literal[
    "required",  # it is missing
    "unknown",  # there is no such field, or none here
    "repeated",  # it is there more than once
    "wrong_type",  # it is of another type of JSON
    "not_allowed",  # it is none of the values in `allowed`
    "too_short",
    "too_long",
    "too_small",
    "too_large",
    "unclear",  # words, a date or a repeat that may mean several things or nothing; `allowed` may have readings
    "not_found",  # it names a row that is not there
    "conflicting",  # it does not go together with another field
    "not_possible",  # it does not go with what the rows are like
    "invalid",  # anything else; `message` says what
]
"""What can be wrong with a field."""


@dataclass(frozen=True, slots=True)
class FieldError:
    """One field that was refused: where it is, why, and what would be accepted."""

    field: str
    """Its path, with dots: `todos.0.title`."""
    message: str
    """What is wrong with it, to be read after the path: "must be a string"."""
    allowed: Sequence[str] = ()
    """The accepted values, where they can be listed."""
    code: FieldCode = "invalid"
    """Name of the kind of refusal, for programs: they say it in their own words."""

    def as_dict(self) -> dict[str, Any]:
        """Return the object that callers get in `errors`."""
        described: dict[str, Any] = {"field": self.field, "code": self.code, "message": self.message}
        if self.allowed:
            described["allowed"] = list(self.allowed)
        return described


class TodoError(Exception):
    """The request was refused."""

    code: ClassVar[str] = "refused"
    """Name of the kind of error, for programs."""
    status: ClassVar[int] = 400
    """HTTP status."""
    retryable: ClassVar[bool] = False
    """Whether the same request may succeed later."""
    retry_after: ClassVar[int | None] = None
    """Seconds after which to send the same request again, if that is known."""
    message: ClassVar[str]
    """What went wrong: the first line of the class's docstring."""
    next_step: ClassVar[str]
    """What the caller does next: the rest of the docstring."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        lines = inspect.cleandoc(cls.__doc__ or "").partition("\n\n")
        cls.message, cls.next_step = (" ".join(part.split()) for part in (lines[0], lines[2]))

    def __init__(
        self,
        detail: str | None = None,
        *,
        errors: Sequence[FieldError] = (),
        extra: Mapping[str, Any] | None = None,
        next_step: str | None = None,
    ) -> None:
        """Refuse a request.

        Args:
            detail: What went wrong, instead of `message`.
            errors: What is wrong with which field.
            extra: Facts about the caller's own data that help the next call, such as the current row.
            next_step: What the caller does next, instead of what the class says.
        """
        self.detail = detail or self.message
        if next_step is not None:
            self.next_step = next_step  # type: ignore[misc]  # here it is another for some rows
        self.errors = tuple(errors)
        self.extra = dict(extra or {})
        super().__init__(self.detail)

    def as_dict(self) -> dict[str, Any]:
        """Return the object from which both transports make their answer: code, message, next step, fields, facts."""
        answer: dict[str, Any] = {"code": self.code, "message": self.detail, "retryable": self.retryable}
        if self.next_step:
            answer["next_step"] = self.next_step
        if self.errors:
            answer["errors"] = [error.as_dict() for error in self.errors]
        return answer | self.extra


class InvalidInput(TodoError):
    """The request has fields that are not accepted.

    Correct the fields listed in `errors` and send the request again.
    """

    code = "invalid_input"
    status = 422
    headlines: ClassVar[Mapping[str, str]] = {
        "invalid": "The request has values that are not accepted.",
        "unknown": "The request has fields that are not known.",
        "required": "The request lacks fields that are required.",
    }
    """What went wrong where all fields are refused with one code; any code without a line here is about a value."""

    def __init__(
        self,
        detail: str | None = None,
        *,
        errors: Sequence[FieldError] = (),
        extra: Mapping[str, Any] | None = None,
        unlisted: int = 0,
    ) -> None:
        """Refuse fields.

        Args:
            detail: What went wrong, instead of what the errors say.
            errors: What is wrong with which field; the first `MOST_LISTED` are told, of the others how many they are.
            extra: Further facts.
            unlisted: Further fields that are refused, besides those in `errors`.
        """
        unlisted += max(len(errors) - MOST_LISTED, 0)
        more = {"more_errors": unlisted} if unlisted else {}
        codes = {error.code if error.code in self.headlines else "invalid" for error in errors}
        if detail is None and len(codes) == 1:
            detail = self.headlines[codes.pop()]
        super().__init__(detail, errors=errors[:MOST_LISTED], extra=more | dict(extra or {}))


class IdempotencyKeyReused(InvalidInput):
    """This idempotency key was already used for a different request.

    Use a new key for a new request; repeat a request unchanged to get its first answer.
    """

    code = "idempotency_key_reused"


class Unauthenticated(TodoError):
    """A valid access token is required.

    Send `Authorization: Bearer <token>` with a token that has not expired or been revoked.
    """

    code = "unauthenticated"
    status = 401

    def __init__(self, *, presented: bool = False) -> None:
        super().__init__()
        self.presented = presented
        """Whether a token was sent."""


class Forbidden(TodoError):
    """This is not allowed."""

    code = "forbidden"
    status = 403


class InsufficientScope(Forbidden):
    """The token lacks the scope this needs.

    Use a token that has the scope named in `required_scope`.
    """

    code = "insufficient_scope"

    def __init__(self, scope: str) -> None:
        super().__init__(extra={"required_scope": scope})
        self.scope = scope
        """The scope that the token lacks."""


class NotForApps(Forbidden):
    """An app that acts for a person cannot do this.

    Do it as the person, signed in at the web UI; where no token may, on the command line.
    """

    code = "not_for_apps"


class NotForAgents(Forbidden):
    """Only the person can do this, and no agent.

    Ask the person to do it: signed in at the web UI, or with `todo-mcp` on the command line.
    """

    code = "not_for_agents"


class AgentBlocked(Forbidden):
    """This agent is blocked, or its time is over; nothing was done.

    Tell the person, who can let it in again: under their agents, or with `todo-mcp agent`.
    """

    code = "agent_blocked"


class OutsideMandate(Forbidden):
    """The person has not allowed this agent to do this; nothing was done.

    Tell the person what you need. They alone can change what an agent may do: under their agents, or with `todo-mcp
    agent`.
    """

    code = "outside_mandate"

    def __init__(self, part: str, detail: str) -> None:
        """Refuse an agent.

        Args:
            part: The part of its mandate that is in the way: `verbs`, `mode`, `rows_per_day` or `lists`.
            detail: What it may, and what was asked.
        """
        super().__init__(detail, extra={"mandate": part})


class NotOwner(Forbidden):
    """This item belongs to somebody else.

    List your own items to find the id you want.
    """

    code = "not_owner"


class Suspended(Forbidden):
    """This account is suspended.

    Ask the people who run this service.
    """

    code = "suspended"


class NotFound(TodoError):
    """There is no such item.

    List your items to find the id you want; it may be in the trash.
    """

    code = "not_found"
    status = 404


TAKEN: Final = "This is taken by something outside of the lists of this agent; choose another."
"""Of a name of a list, or a key of a todo, that an agent with a mandate on lists gives."""


class Conflict(TodoError):
    """The request contradicts the present state.

    Read the item again, then decide.
    """

    code = "conflict"
    status = 409


class VersionConflict(Conflict):
    """Somebody changed this item after the version you named.

    Compare with `current`, then send the change again with its version.
    """

    code = "version_conflict"
    status = 412


class SimilarExists(Conflict):
    """An open todo looks the same; nothing was added.

    Use one of those in `similar`, or add this one beside them with `if_similar: add`.
    """

    code = "similar_exists"


class UndoRefused(Conflict):
    """This change cannot be undone.

    List the changes and undo the later one first, or make the change you want directly.
    """

    code = "undo_refused"
    others: Sequence[tuple[str, int]] = ()
    """Rows, by kind and id, of which a later change is in the way, where it need not be one of the row's own."""
    tagged: Sequence[int] = ()
    """Todos of whose tags, renamed or merged or deleted, a later change is in the way."""

    @classmethod
    def in_the_way(
        cls, entity: str, row_id: int, others: Sequence[tuple[str, int]] = (), tagged: Sequence[int] = ()
    ) -> UndoRefused:
        """Return the error for a row that was changed again since, or to which the old values cannot return.

        Args:
            entity: What kind of row it is.
            row_id: Its id.
            others: As in the error's field.
            tagged: As in the error's field.
        """
        error = cls("A later change is in the way.", extra={"entity": entity, "id": row_id})
        error.others, error.tagged = others, tagged
        return error


class ConfirmationRequired(Conflict):
    """More todos would go to the trash than happens unasked; nothing was changed.

    Ask the person; once they agreed, call again with `confirm: true` and the `count` given here.
    """

    code = "confirmation_required"

    def __init__(self, count: int, recent: int = 0, detail: str | None = None) -> None:
        """Refuse to move todos to the trash.

        Args:
            count: How many.
            recent: How many the agent moved there in the last minutes.
            detail: What went wrong, instead of `message`.
        """
        super().__init__(detail, extra={"count": count} | ({"recent": recent} if recent else {}))
        self.count = count
        """Todos that would go to the trash."""
        self.recent = recent
        """Those that the agent moved there in the last minutes."""


class TooManyProposals(Conflict):
    """As many proposals wait as an agent may have; this one was not kept.

    Wait until the person has decided on some of them.
    """

    code = "too_many_proposals"


class ProposalDecided(Conflict):
    """This proposal does not wait any more: somebody decided on it, or it expired.

    Read it: its `status` says which. The agent may propose it again.
    """

    code = "proposal_decided"


class ProposalStale(Conflict):
    """This proposal would do something else now than was shown; nothing was changed.

    Reject it, with a note if you like; the agent may propose it again as things are now.
    """

    code = "proposal_stale"


class HistoryDeleted(TodoError):
    """Changes after the one you named are deleted: they are kept only for a time.

    Read anew what you follow, then go on with the `since` given here.
    """

    code = "history_deleted"
    status = 410

    def __init__(self, since: int) -> None:
        super().__init__(extra={"since": since})


class RequestInProgress(Conflict):
    """A request with this idempotency key is still running.

    Send the same request with the same key again after a second to get its answer.
    """

    code = "request_in_progress"
    retryable = True
    retry_after = 1


class TooManyRequests(TodoError):
    """The rate limit is reached.

    Wait the seconds given in `retry_after`, then send the same request again; batches count each item.
    """

    code = "rate_limited"
    status = 429
    retryable = True

    def __init__(self, retry_after: int, detail: str | None = None) -> None:
        super().__init__(detail, extra={"retry_after": retry_after})
        self.retry_after = retry_after  # type: ignore[misc]  # here it is known only when it happens


class Unavailable(TodoError):
    """The database cannot be reached right now.

    Wait a second and send the same request again; use an idempotency key so that nothing is done twice.
    """

    code = "unavailable"
    status = 503
    retryable = True
    retry_after = 1

    def __init__(self, detail: str | None = None, retry_after: int | None = None) -> None:
        """Refuse a request for now.

        Args:
            detail: What went wrong, instead of `message`.
            retry_after: Seconds after which to send it again, where they are not the usual ones.
        """
        super().__init__(detail)
        if retry_after is not None:
            self.retry_after = retry_after  # type: ignore[misc]  # here it is known only when it happens
