"""Names that the tests of plain HTTP share."""

from __future__ import annotations

from typing import Final

ORIGIN: Final = "https://web.example.test"
"""Whose pages may call the public application."""
