"""Headers of a request, looked up by name."""

from __future__ import annotations

import pytest

from http_edge.repeated import Fields
from todo_core.errors import InvalidInput

ONCE = Fields([(b"host", b"h"), (b"accept", b"a")])
TWICE = Fields([(b"accept", b"a"), (b"host", b"h"), (b"accept", b"b")])


def test_a_header_that_is_there_twice_has_no_value_and_two_lines() -> None:
    assert (ONCE.only(b"host"), TWICE.only(b"host")) == (b"h", b"h")
    assert (ONCE.only(b"accept"), TWICE.only(b"accept")) == (b"a", None)
    assert (ONCE.only(b"range"), TWICE.only(b"range")) == (None, None)
    assert (ONCE.lines(b"accept"), TWICE.lines(b"accept")) == ([b"a"], [b"a", b"b"])
    assert (ONCE.lines(b"range"), TWICE.lines(b"range")) == ([], [])
    assert TWICE.those_of(frozenset({b"accept", b"range"})) == {b"accept"}


def test_what_decides_may_be_there_once() -> None:
    TWICE.require_single()  # a list goes on in the next header
    with pytest.raises(InvalidInput) as refused:
        Fields([(b"if-match", b'"1"'), (b"if-match", b'"1"')]).require_single()
    assert [error.field for error in refused.value.errors] == ["if-match"]
