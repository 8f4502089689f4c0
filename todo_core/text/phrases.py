"""Bring phrases of dates and repeats into one spelling, before they are read."""

from __future__ import annotations

import re
from typing import Final

_LONG: Final = {
    "nxt": "next",
    "wk": "week",
    "mth": "month",
    "qtr": "quarter",
    "yr": "year",
    "wkday": "weekday",
    "wkend": "weekend",
    "wknd": "weekend",
}
"""What people write for words of dates and repeats, and the words."""
_SHORT: Final = re.compile(rf"(?<![a-z])({'|'.join(_LONG)})(s?)(?![a-z])")
_HOUR: Final = re.compile(
    r"(?<=[a-z\d] )(?<!every )(?<!for )(?<!last )(?<!past )(?<!previous )(?<!next )(?<!coming )"
    r"(\d\d?)h(\d\d)?(?= |$)"
)
"""An hour as it is written where the clock has 24, but no span of time."""
_HALF_DAY: Final = re.compile(r"(?<=\d)([ap])(?![\w.])")
_TYPED = str.maketrans({"\u2018": "'", "\u2019": "'"} | {chr(dash): "-" for dash in range(0x2010, 0x2016)})


def typed(text: str) -> str:
    """Return a phrase with single plain spaces, hyphens and apostrophes, in whatever form phones or models write them.

    Spaces are all that Unicode has (U+00A0 and U+202F before `pm`, say); hyphens and dashes are U+2010 to U+2015.
    """
    return " ".join(text.translate(_TYPED).split())


def spelled_out(phrase: str) -> str:
    """Return a phrase in lower case with `nxt`, `wk` and the like as words, `9a` as `9am`, `9h30` as `09:30`."""
    phrase = _HALF_DAY.sub(r"\1m", _SHORT.sub(lambda match: _LONG[match[1]] + match[2], phrase))
    if phrase.startswith(("in ", "+", "-")):
        return phrase
    return _HOUR.sub(lambda match: f"{match[1]:0>2}:{match[2] or '00'}", phrase)
