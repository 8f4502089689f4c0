"""Starts the program: what `todo-mcp` runs, and `python -m todo_app`."""

import os  # Python has loaded these two before us; any other module could be somebody else's file
import sys


def main() -> None:
    """Run the command line on our own modules, wherever it was started."""
    search_elsewhere_last()
    _end_at_once()
    _end_with_the_terminal()
    from todo_app.cli import main as command_line

    command_line()


def _end_at_once() -> None:
    """Have SIGINT end the process while nothing is to be cleaned up.

    It would raise KeyboardInterrupt, which Python drops in some of what it calls while it loads modules.
    """
    import signal

    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # whoever started us may want it ignored
        signal.signal(signal.SIGINT, signal.SIG_DFL)


def _end_with_the_terminal() -> None:
    """Take SIGHUP, which a terminal sends that is closed, for SIGTERM: its default leaves PostgreSQL running."""
    import signal

    if sys.platform == "win32" or signal.getsignal(signal.SIGHUP) is not signal.SIG_DFL:  # `nohup` has it ignored
        return
    signal.signal(signal.SIGHUP, lambda *_: os.kill(os.getpid(), signal.SIGTERM))


def search_elsewhere_last() -> None:
    """Move the working directory and the folders of `PYTHONPATH` to the end of `sys.path`.

    Python searches them first, and another project may well have a `migrations/`, an `alembic/` or a `calendar.py`.
    The folder that this program was loaded from stays where it is, also when it is one of them. Worker processes
    inherit the order. What Python loads before this line, and a package `todo_app` of somebody else, we cannot prevent.
    """
    here = _place(os.path.dirname(os.path.dirname(__file__)))  # noqa: PTH120  # pathlib would be a third module
    elsewhere = {_place(entry) for entry in ("", *os.environ.get("PYTHONPATH", "").split(os.pathsep))} - {here}
    sys.path.sort(key=lambda entry: _place(entry) in elsewhere)


def _place(entry: str) -> str:
    """Return where an entry of `sys.path` leads; itself if it is relative to a working directory that is gone."""
    try:
        return os.path.realpath(entry)
    except FileNotFoundError:
        return entry


if __name__ == "__main__":
    main()
