"""Open and replace files in folders that another user of the machine may write."""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def open_file(path: Path, flags: int) -> int:
    """Open or make a file for us alone in a folder that another user may write, and return its descriptor.

    Raises:
        OSError: It cannot be opened, is a link, or no file.
    """
    descriptor = os.open(path, flags | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0), 0o600)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "no file")
    return descriptor


@contextmanager
def replacing(path: Path) -> Iterator[int]:
    """Yield the descriptor of a new file for us alone, which takes the place of the one at `path` in the end."""
    descriptor, name = tempfile.mkstemp(dir=path.parent)
    try:
        try:
            yield descriptor
        finally:
            os.close(descriptor)
        os.replace(name, path)  # noqa: PTH105  # `name` is a text
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
