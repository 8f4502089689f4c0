"""What every refusal over REST has."""

from __future__ import annotations

import httpx2

from tests.faces import Json


def problem(response: httpx2.Response, status: int, code: str) -> Json:
    """The problem details of a refusal, checked against RFC 9457 and our own promises (RS3)."""
    assert (response.status_code, response.headers["content-type"]) == (status, "application/problem+json")
    told: Json = response.json()
    assert (told["status"], told["error_code"]) == (status, code)
    assert {"type", "title", "detail", "retryable", "next_step"} <= told.keys()
    return told


def fields(told: Json) -> list[str]:
    """The refused fields, by name."""
    return [found["field"] for found in told["errors"]]
