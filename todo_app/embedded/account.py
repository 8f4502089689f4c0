"""The user of the machine as whom the embedded PostgreSQL runs, and the folders that are this user's alone."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Collection
from pathlib import Path
from typing import Any, Final

from todo_core.settings import ConfigurationError

_LONGEST_SOCKET: Final = 103
"""Bytes of a socket's path on macOS; Linux takes 107."""


class Account:
    """A user of the machine: whoever runs todo-mcp, or another if that is root, as whom PostgreSQL refuses to run."""

    def __init__(self, name: str | None) -> None:
        """Look a user up; None is whoever runs todo-mcp.

        Raises:
            KeyError: There is no such user.
        """
        self._name = name
        if name is None:
            self.uid, self.gid = os.geteuid(), os.getegid()
        else:
            import pwd

            found = pwd.getpwnam(name)
            self.uid, self.gid = found.pw_uid, found.pw_gid

    def running(self) -> dict[str, Any]:
        """Return how `subprocess` runs a program as this user, with none of root's groups."""
        return {} if self._name is None else {"user": self.uid, "group": self.gid, "extra_groups": []}

    def give(self, file: int | Path) -> None:
        """Make a file or a folder of ours this user's."""
        if self._name is not None:
            os.chown(file, self.uid, self.gid)

    def owns_alone(self, folder: Path) -> bool:
        """Return whether a folder, and no link to one, is this user's, and nobody else may enter it."""
        try:
            found = folder.lstat()
        except OSError:
            return False
        return stat.S_ISDIR(found.st_mode) and found.st_uid == self.uid and not stat.S_IMODE(found.st_mode) & 0o077

    def take(self, folder: Path, *programs: Path, beside: Collection[str] = ()) -> None:
        """Make a new folder this user's alone, or check that it is; let this user pass the one above, if new as well.

        Args:
            folder: The folder.
            programs: Files that this user runs.
            beside: Names that we have put beside the folder.

        Raises:
            ConfigurationError: It is somebody else's, or this user does not get there.
        """
        if self._name is not None:
            if not self._may_enter(folder.parent) and _is_new(folder.parent, {folder.name, *beside}):
                self._let_pass(folder.parent)
            if _is_new(folder, ()):
                self.give(folder)
            for place in (folder, *programs):
                self._require_way(place)
        if folder.stat().st_uid != self.uid:
            raise ConfigurationError("TODO_DATA_DIR holds the data of another user")
        folder.chmod(0o700)

    def take_back(self, folder: Path) -> None:
        """Give a folder back to root that an earlier version gave to this user, who could put there what root opens."""
        if self._name is not None and folder.stat().st_uid == self.uid:
            self._let_pass(folder)

    def _let_pass(self, folder: Path) -> None:
        """Make a folder root's, in which this user reaches what is this user's, and changes nothing."""
        os.chown(folder, os.geteuid(), self.gid)
        folder.chmod(0o710)

    def socket_folder(self, data: Path) -> Path:
        """Return a folder for a socket that is this user's alone: that of the data, or a new one if its path is long.

        Raises:
            ConfigurationError: There is none.
        """
        if _fits(data):
            return data
        for place in (tempfile.gettempdir(), "/tmp"):  # noqa: S108  # what is made in it has a random name, and is ours
            folder = Path(tempfile.mkdtemp(prefix="todo-mcp-", dir=place))
            self.give(folder)
            if _fits(folder) and self.owns_alone(folder) and self._may_enter(folder.parent):
                return folder
            folder.rmdir()
        raise ConfigurationError("TODO_DATA_DIR is too long a path for PostgreSQL's socket; choose a shorter one")

    def _may_enter(self, folder: Path) -> bool:
        """Return whether this user may enter a folder, by its mode."""
        found = folder.stat()
        bit = stat.S_IXUSR if found.st_uid == self.uid else stat.S_IXGRP if found.st_gid == self.gid else stat.S_IXOTH
        return self._name is None or bool(found.st_mode & bit)

    def _require_way(self, place: Path) -> None:
        """Refuse a file or a folder below one that this user may not enter.

        Raises:
            ConfigurationError: It is below one.
        """
        closed = next((folder for folder in reversed(place.parents) if not self._may_enter(folder)), None)
        if closed is not None:
            raise ConfigurationError(
                f"As root, PostgreSQL runs as the user {self._name}, who may not enter {str(closed)!r};"
                " start todo-mcp as another user, or have it and TODO_DATA_DIR in folders that everybody may enter"
            )


def name_of_caller() -> str:
    """Return the name of whoever runs todo-mcp, which PostgreSQL asks the system for at the other end of a socket.

    Raises:
        ConfigurationError: There is none.
    """
    import pwd

    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        raise ConfigurationError("PostgreSQL needs a name of the user that todo-mcp runs as; there is none") from None


def _is_new(folder: Path, content: Collection[str]) -> bool:
    """Return whether a folder is root's, and nothing else than `content` is in it."""
    return folder.stat().st_uid == 0 and {path.name for path in folder.iterdir()} <= {*content}


def _fits(folder: Path) -> bool:
    """Return whether a socket in a folder has a path that is short enough, and that a connection string can name.

    A comma there ends one host and begins the next.
    """
    return "," not in str(folder) and len(os.fsencode(folder / ".s.PGSQL.65535")) <= _LONGEST_SOCKET
