"""Tell those who send requests that this process will end, before it does.

A proxy learns from `/readyz` that it is to send no more; until it has asked, requests go on to come.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from threading import Timer
from types import FrameType


def drain_on_sigterm(seconds: float, leave: Callable[[], None]) -> None:
    """Have what SIGTERM does now happen so many seconds later, and `leave` be called at once.

    A second SIGTERM waits for nothing, and Ctrl-C neither. To be called in the main thread, after uvicorn has taken the
    signal; 0 seconds leave everything as it is.
    """
    end = signal.getsignal(signal.SIGTERM)
    if seconds == 0 or not callable(end):
        return
    is_leaving = False

    def on_signal(number: int, frame: FrameType | None) -> None:
        nonlocal is_leaving
        if is_leaving:
            end(number, frame)
            return
        is_leaving = True
        leave()
        timer = Timer(seconds, end, (number, None))
        timer.daemon = True
        timer.start()

    signal.signal(signal.SIGTERM, on_signal)
