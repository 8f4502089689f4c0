"""Which clock people have, by the language tag of their profile."""

from __future__ import annotations

import pytest

from todo_core.notations import uses_24_hours


@pytest.mark.requirement("TD10")
@pytest.mark.parametrize(
    ("locale", "expected"),
    [
        ("de", True),
        ("de-AT", True),
        ("fr", True),
        ("pl-PL", True),
        ("en-GB", True),
        ("es-ES", True),
        ("zh-Hans-CN", True),
        ("pt-BR", True),
        ("en", False),
        ("en-US", False),
        ("en-AU", False),
        ("hi-IN", False),
        ("es-MX", False),
        ("ko", False),
        ("zh-Hant-TW", False),
        ("zh-Hant", False),
        ("en-150", True),
        ("xx", True),
    ],
)
def test_the_clock_is_that_of_the_country_or_of_the_language(locale: str, expected: bool) -> None:
    assert uses_24_hours(locale) is expected
