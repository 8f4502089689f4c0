"""Problem details in OpenAPI, and in FastAPI: one shape for every refusal, and never an echo of the input."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Annotated, Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import Field
from starlette.exceptions import HTTPException
from starlette.responses import Response

from http_edge.exchange import Exchange
from http_edge.problems import HTTP_PROBLEMS, MEDIA_TYPE, crash, describe, refuse
from rest_api import headers
from todo_core import validation
from todo_core.errors import ConfirmationRequired, FieldCode, Forbidden, InvalidInput, TodoError
from todo_core.identity.scopes import Scope
from todo_core.models.agents import Part
from todo_core.models.changes import Entity
from todo_core.models.entries import ProposalStatus
from todo_core.models.fields import Output, only_required
from todo_core.models.todos import SimilarTodo

Json = dict[str, Any]


def _kinds(kind: type[TodoError]) -> Iterator[type[TodoError]]:
    """Yield all refusals of a kind that callers of this API can meet."""
    if kind not in (TodoError, Forbidden, ConfirmationRequired):
        yield kind
    for child in kind.__subclasses__():
        yield from _kinds(child)


def _examples() -> Iterator[Json]:
    """Yield the problem of each refusal, as far as it does not depend on the request."""
    for kind in _kinds(TodoError):
        yield describe(kind.status, kind.code, kind.message, retryable=kind.retryable, next_step=kind.next_step)
    yield from HTTP_PROBLEMS


EXAMPLES: Final = {problem["error_code"]: problem for problem in _examples()}
"""A problem of each `error_code`."""
ERROR_CODES: Final = sorted(EXAMPLES)
"""Every `error_code` that there is."""


class FieldProblem(Output):
    """One field that was refused."""

    model_config = only_required("field", "code", "message")

    field: Annotated[str, Field(description="Where it is, with dots: `todos.0.title`.")]
    code: Annotated[FieldCode, Field(description="A stable name of what is wrong with it.")]
    message: Annotated[str, Field(description="The same in words, to be read after the field.")]
    allowed: Annotated[list[str], Field(description="What would be accepted, where that can be listed.")]


class UndoConflict(Output):
    """A change that cannot be undone, of several that were to be."""

    model_config = only_required("change_id", "message")

    change_id: Annotated[int, Field(description="The change.")]
    message: Annotated[str, Field(description="Why it cannot be undone.")]
    undone_by: Annotated[int, Field(description="The change that has undone it.")]
    brought_back_by: Annotated[int, Field(description="The change that brought it back since; undo that one.")]
    blocked_by: Annotated[int | None, Field(description="The later change that is in the way.")]
    entity: Annotated[Entity, Field(description="What kind of row is in the way.")]
    id: Annotated[int, Field(description="Its id.")]


class ProposalDifference(Output):
    """A row to which a proposal would do something else by now than was shown."""

    entity: Annotated[Entity, Field(description="What kind of row.")]
    id: Annotated[int | None, Field(description="Its id; null for one that would be made.")]
    title: Annotated[str | None, Field(description="What it is called.")]
    message: Annotated[str, Field(description="What is different, to be read after the title.")]


class Problem(Output):
    """RFC 9457 problem details. Which of the facts are there follows from `error_code`."""

    model_config = only_required("type", "title", "status", "detail", "error_code", "retryable")

    type: Annotated[str, Field(description="`about:blank`: `error_code` tells the kind.")]
    title: Annotated[str, Field(description="The HTTP status in words.")]
    status: Annotated[int, Field(description="The HTTP status.")]
    detail: Annotated[str, Field(description="What went wrong.")]
    error_code: Annotated[
        str, Field(description="A stable name of the kind of error.", json_schema_extra={"enum": ERROR_CODES})
    ]
    retryable: Annotated[bool, Field(description="Whether the same request may succeed later.")]
    next_step: Annotated[str, Field(description="What to do about it.")]
    errors: Annotated[list[FieldProblem], Field(description="Each refused field, the first 20.")]
    more_errors: Annotated[int, Field(description="How many more fields are refused than are listed.")]
    current: Annotated[dict[str, Any], Field(description="The row as it is now, as a GET of it shows it.")]
    existing_id: Annotated[int, Field(description="Id of the list or tag that has the name.")]
    similar: Annotated[list[SimilarTodo], Field(description="Open todos that look the same as the new one.")]
    required_scope: Annotated[Scope, Field(description="The scope that the token lacks.")]
    mandate: Annotated[Part, Field(description="The part of the agent's mandate that is in the way.")]
    retry_after: Annotated[int, Field(description="Seconds to wait.")]
    since: Annotated[int, Field(description="From where changes can be read on.")]
    undone_by: Annotated[int, Field(description="The change that has undone this one.")]
    blocked_by: Annotated[int | None, Field(description="The later change that is in the way of an undo.")]
    entity: Annotated[Entity, Field(description="What kind of row is in the way.")]
    id: Annotated[int, Field(description="Its id.")]
    proposal_status: Annotated[ProposalStatus, Field(description="What became of the proposal already.")]
    differences: Annotated[
        list[ProposalDifference], Field(description="Rows to which a proposal would do something else by now.")
    ]
    more_differences: Annotated[int, Field(description="How many more such rows there are.")]
    refused_as: Annotated[str, Field(description="The `error_code` with which a proposal is refused by now.")]
    conflicts: Annotated[list[UndoConflict], Field(description="Each of several changes that cannot be undone.")]


def problems(codes: Iterable[str], method: str) -> dict[int | str, Json]:
    """Return the responses, by status, that OpenAPI has for refusals.

    Args:
        codes: The `error_code` of each.
        method: That of the request.
    """
    by_status: dict[int, list[str]] = {}
    for code in sorted(codes):
        by_status.setdefault(EXAMPLES[code]["status"], []).append(code)
    return {
        status: {
            "description": " ".join(f"`{code}`: {EXAMPLES[code]['detail']}" for code in found),
            "headers": headers.of_refusal(status, method),
            "content": {
                MEDIA_TYPE: {
                    "schema": {"$ref": "#/components/schemas/Problem"},
                    "examples": {code: {"$ref": f"#/components/examples/{code}"} for code in found},
                }
            },
        }
        for status, found in sorted(by_status.items())
    }


async def _refuse(request: Request, error: Exception) -> Response:
    if isinstance(error, RequestValidationError):
        error = InvalidInput(errors=validation.field_errors(error.errors(), skip=1))
    assert isinstance(error, TodoError | HTTPException)
    response = refuse(error, request.scope, request.app.routes)
    if response.status_code >= 400:
        Exchange.of(request.scope).note(error)
    return response


async def _crash(request: Request, error: Exception) -> Response:
    Exchange.of(request.scope).note(error)
    return crash(error)


def install(app: FastAPI) -> None:
    """Answer every error of `app` with a problem."""
    for kind in (TodoError, RequestValidationError, HTTPException):
        app.add_exception_handler(kind, _refuse)
    app.add_exception_handler(Exception, _crash)
