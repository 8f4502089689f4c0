"""What broken and hostile clients send. `MARKER` is planted wherever an answer could echo it."""

from __future__ import annotations

from typing import Any, Final

MARKER: Final = "zQ7echo"
"""Must be in no answer."""

LIMIT: Final = 256 * 1024
"""Bytes of the largest body."""

IDS: Final[dict[str, Any]] = {
    "zero": 0,
    "negative": -1,
    "beyond int64": 2**63,
    "beyond float": 10**30,
    "fraction": 1.5,
    "whole fraction": 1.0,
    "text": "5",
    "words": MARKER,
    "true": True,
    "list": [1],
    "object": {MARKER: 1},
    "NaN": float("nan"),
    "Infinity": float("inf"),
}
"""None of them is an id."""

PATH_IDS: Final = (
    *(
        "0",
        "-1",
        "-0",
        str(2**63),
        str(10**30),
        "1.5",
        "1e3",
        "true",
        "null",
        "NaN",
        "+5",
        "0x5",
        "1_0",
        "%225%22",
        "%205",
    ),
    *("5%00", "%00", "%ED%A0%80", "%FF", "%D9%A3", MARKER, "9" * 5000),
)
"""None of them is an id in a path: signs, quotes, NUL, surrogates, other scripts' digits."""

LIMITS: Final = (-1, 0, 201, 2**63, 10**30)

TEXTS: Final[dict[str, Any]] = {
    "NUL": f"{MARKER}\x00",
    "high surrogate": f"{MARKER}\ud800",
    "low surrogate": f"\udc00{MARKER}",
    "escape sequence": f"{MARKER}\x1b[2J",
    "override of direction": f"\u202e{MARKER}",
    "tag characters": f"{MARKER}\U000e0041\U000e0042",
    "too long": MARKER * 200,
    "number": 5,
    "true": True,
    "list": [MARKER],
    "object": {"text": MARKER},
}
"""None of them is a title."""

RAW: Final[dict[str, bytes]] = {
    "malformed": b'{"title": "%s' % MARKER.encode(),
    "two values": b'{"title": "a"} "%s"' % MARKER.encode(),
    "invalid UTF-8": b'{"title": "%s\xff"}' % MARKER.encode(),
    "encoded surrogate": b'{"title": "%s\xed\xa0\x80"}' % MARKER.encode(),
    "escaped surrogate": b'{"title": "%s\\ud800"}' % MARKER.encode(),
    "UTF-16": f'{{"title": "{MARKER}"}}'.encode("utf-16"),
    "byte order mark": b'\xef\xbb\xbf{"title": "%s"}' % MARKER.encode(),
    "NaN": b'{"title": NaN, "x": "%s"}' % MARKER.encode(),
    "Infinity": b'{"title": -Infinity}',
    "trailing comma": b'{"title": "%s",}' % MARKER.encode(),
    "comment": b'{"title": "a" /* %s */}' % MARKER.encode(),
    "deep nesting": b'{"title": ' + b"[" * 60_000 + b"]" * 60_000 + b"}",
    "deep objects": b'{"title":' * 20_000 + b"1" + b"}" * 20_000,
    "long number": b'{"title": ' + b"9" * 100_000 + b"}",
    "list": b'["%s"]' % MARKER.encode(),
    "string": b'"%s"' % MARKER.encode(),
    "number": b"5",
    "true": b"true",
}
"""None of them is a JSON object that any address takes."""
