"""What a check found."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report."""

    good: bool
    subject: str
    """What was checked."""
    detail: str
    """What was found, and for a fault what to do."""

    def __str__(self) -> str:
        return f"{'ok  ' if self.good else 'FAIL'}  {self.subject}: {self.detail}"
