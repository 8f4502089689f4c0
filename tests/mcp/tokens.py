"""How many tokens a model reads: UTF-8 bytes / 3.6, which no download is needed for.

English JSON has 3.5 to 4 bytes a token with the tokenizers of today; the budgets are ratchets on
size, not invoices.
"""

from __future__ import annotations

import math

BYTES_PER_TOKEN = 3.6


def tokens(text: str) -> int:
    """About how many tokens a text has."""
    return math.ceil(len(text.encode()) / BYTES_PER_TOKEN)
