"""What libraries find when we load them, and what is there afterwards."""

from __future__ import annotations

import colorsys
import sys
from importlib import import_module

import pytest

from todo_core.loading.modules import absent


def test_what_is_absent_cannot_be_found_and_is_there_again_afterwards() -> None:
    with absent("colorsys", "turtledemo"):
        for name in ("colorsys", "turtledemo"):
            with pytest.raises(ImportError):
                import_module(name)

    assert import_module("colorsys") is colorsys
    assert "turtledemo" not in sys.modules


def test_what_is_absent_is_there_again_after_a_fault() -> None:
    with pytest.raises(ZeroDivisionError), absent("colorsys"):
        raise ZeroDivisionError

    assert import_module("colorsys") is colorsys
