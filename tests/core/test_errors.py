"""Every way to refuse: one tree, and the words in it."""

from __future__ import annotations

import pytest

from todo_core.errors import (
    AgentBlocked,
    ConfirmationRequired,
    Conflict,
    FieldError,
    Forbidden,
    HistoryDeleted,
    IdempotencyKeyReused,
    InsufficientScope,
    InvalidInput,
    NotForAgents,
    NotForApps,
    NotFound,
    NotOwner,
    OutsideMandate,
    ProposalDecided,
    ProposalStale,
    RequestInProgress,
    SimilarExists,
    Suspended,
    TodoError,
    TooManyProposals,
    TooManyRequests,
    Unauthenticated,
    Unavailable,
    UndoRefused,
    VersionConflict,
)

TREE: dict[type[TodoError], tuple[int, str]] = {
    InvalidInput: (422, "invalid_input"),
    IdempotencyKeyReused: (422, "idempotency_key_reused"),
    Unauthenticated: (401, "unauthenticated"),
    Forbidden: (403, "forbidden"),
    InsufficientScope: (403, "insufficient_scope"),
    NotForApps: (403, "not_for_apps"),
    NotForAgents: (403, "not_for_agents"),
    AgentBlocked: (403, "agent_blocked"),
    OutsideMandate: (403, "outside_mandate"),
    SimilarExists: (409, "similar_exists"),
    TooManyProposals: (409, "too_many_proposals"),
    ProposalDecided: (409, "proposal_decided"),
    ProposalStale: (409, "proposal_stale"),
    NotOwner: (403, "not_owner"),
    Suspended: (403, "suspended"),
    NotFound: (404, "not_found"),
    Conflict: (409, "conflict"),
    VersionConflict: (412, "version_conflict"),
    UndoRefused: (409, "undo_refused"),
    ConfirmationRequired: (409, "confirmation_required"),
    RequestInProgress: (409, "request_in_progress"),
    HistoryDeleted: (410, "history_deleted"),
    TooManyRequests: (429, "rate_limited"),
    Unavailable: (503, "unavailable"),
}


def family(kind: type[TodoError]) -> list[type[TodoError]]:
    return [member for child in kind.__subclasses__() for member in (child, *family(child))]


@pytest.mark.requirement("RS3")
def test_every_error_has_its_status_and_its_code() -> None:
    ours = {kind for kind in family(TodoError) if kind.__module__ == "todo_core.errors"}

    assert {kind: (kind.status, kind.code) for kind in ours} == TREE


@pytest.mark.requirement("MC4", "RS3")
@pytest.mark.parametrize("kind", TREE)
def test_each_refusal_says_what_is_wrong_and_what_to_do_next(kind: type[TodoError]) -> None:
    assert kind.message.endswith(".")
    assert "\n" not in kind.message + kind.next_step
    assert kind.next_step.endswith(".") or kind is Forbidden
    waits = TooManyRequests(7).retry_after if kind is TooManyRequests else kind.retry_after
    assert kind.retryable == (waits is not None)


@pytest.mark.requirement("MC4", "RS3")
def test_a_caller_is_told_code_message_next_step_fields_and_facts() -> None:
    error = UndoRefused(
        "A later change is in the way.",
        errors=[FieldError("id", "is taken"), FieldError("sort", "must be known", ("title", "due"), "not_allowed")],
        extra={"entity": "todo"},
    )

    assert str(error) == "A later change is in the way."
    assert error.as_dict() == {
        "code": "undo_refused",
        "message": "A later change is in the way.",
        "retryable": False,
        "next_step": UndoRefused.next_step,
        "errors": [
            {"field": "id", "code": "invalid", "message": "is taken"},
            {"field": "sort", "code": "not_allowed", "message": "must be known", "allowed": ["title", "due"]},
        ],
        "entity": "todo",
    }


@pytest.mark.requirement("MC4", "RS3")
def test_what_there_is_nothing_to_say_about_is_left_out() -> None:
    assert Forbidden().as_dict() == {"code": "forbidden", "message": "This is not allowed.", "retryable": False}


@pytest.mark.requirement("ID4")
def test_a_missing_scope_is_named() -> None:
    assert InsufficientScope("todos:write").as_dict()["required_scope"] == "todos:write"


@pytest.mark.requirement("MC4", "RS3")
def test_whoever_was_too_fast_is_told_how_long_to_wait() -> None:
    slow_down = TooManyRequests(7)

    assert slow_down.as_dict() == {
        "code": "rate_limited",
        "message": "The rate limit is reached.",
        "retryable": True,
        "next_step": TooManyRequests.next_step,
        "retry_after": 7,
    }
    assert slow_down.retry_after == 7
    assert TooManyRequests(8).retry_after == 8


@pytest.mark.requirement("ID7")
def test_a_refused_token_is_told_like_a_missing_one() -> None:
    assert Unauthenticated(presented=True).as_dict() == Unauthenticated().as_dict()
    assert (Unauthenticated(presented=True).presented, Unauthenticated().presented) == (True, False)
