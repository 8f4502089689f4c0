"""Count what an import does, and collect its remarks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

from todo_core.models.imports import MOST_REMARKS, ImportFormat
from todo_core.rules.importing.items import Kind, Remark


@dataclass(slots=True)
class Report:
    """What an import does (`ImportRead`)."""

    format: ImportFormat
    counts: Counter[str] = field(default_factory=Counter)
    """The numbers of the answer, by the names of its fields."""
    profile: bool = False
    _first: list[Remark] = field(default_factory=list)
    _summary: Counter[tuple[Kind, str, str]] = field(default_factory=Counter)

    def tell(self, remarks: Iterable[Remark]) -> None:
        """Add remarks, in the order of the file: the first `MOST_REMARKS` are kept, all are counted by message."""
        for remark in remarks:
            self._summary[remark.kind, remark.field, remark.message] += 1
            self.counts["left_out"] += remark.kind == "left_out"
            if len(self._first) < MOST_REMARKS:
                self._first.append(remark)

    def as_dict(self) -> dict[str, Any]:
        """Return the answer."""
        numbers = ("todos", "done", "trashed", "notes", "lists", "tags")
        return {
            "format": self.format,
            **{name: self.counts[name] for name in numbers},
            "profile": self.profile,
            **{name: self.counts[name] for name in ("existing", "existing_in_trash", "left_out")},
            "summary": [
                {"kind": kind, "field": name, "message": message, "count": count}
                for (kind, name, message), count in self._summary.most_common(MOST_REMARKS)
            ],
            "remarks": [asdict(remark) for remark in self._first],
            "more_remarks": self._summary.total() - len(self._first),
        }
