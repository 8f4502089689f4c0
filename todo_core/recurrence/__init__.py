"""Repeat a todo: read the words or the rule, and find the occurrence after one.

Everything is local wall time without a zone (`docs/decisions/0016-repeat.md`).
"""

from todo_core.recurrence.reading import read
from todo_core.recurrence.repeat import MAX_LENGTH, Repeat
from todo_core.recurrence.rule import UnclearRepeat
from todo_core.recurrence.series import following

__all__ = ["MAX_LENGTH", "Repeat", "UnclearRepeat", "following", "read"]
