"""A table of values that one test goes through, and names the rows that fail.

A case of its own costs pytest, xdist and each worker that collects it some milliseconds: more than most rows take.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import wraps
from typing import Any, Final

import pytest

Test = Callable[..., Any]
Rows = Sequence[tuple[str, Mapping[str, Any]]]
"""The name of each row, and its values by parameter."""
_FAILURES: Final = (Exception, pytest.fail.Exception)
_PARAM: Final = type(pytest.param())
_ROWS: Final = "rows_of_the_table"
"""The parameter that says which rows a case has, where some are exhaustive."""


def each(
    names: str | Sequence[str], rows: Iterable[Any], ids: Iterable[Any] | Callable[[Any], Any] | None = None
) -> Callable[[Test], Test]:
    """Run a test for every row of a table in one case, whose failure names each row that fails.

    Takes what `pytest.mark.parametrize` takes. It is for tests that leave their fixtures as they were, for all rows
    share them. Rows that are marked exhaustive are another case.

    Args:
        names: The parameters that each row has a value for.
        rows: A value for each parameter, or the value where there is one parameter.
        ids: The name of each row, or what names a value; by default a row is named by its values.
    """
    parameters = [name.strip() for name in names.split(",")] if isinstance(names, str) else [*names]
    table = [
        row if isinstance(row, _PARAM) else pytest.param(*((row,) if len(parameters) == 1 else row)) for row in rows
    ]
    titles = [_title(row, ids) for row in table] if ids is None or callable(ids) else [str(name) for name in ids]
    assert table
    usual, further = (
        [
            (title, dict(zip(parameters, row.values, strict=True)))
            for title, row in zip(titles, table, strict=True)
            if bool(row.marks) is is_exhaustive
        ]
        for is_exhaustive in (False, True)
    )

    def decorate(test: Test) -> Test:
        signature = inspect.signature(test)
        kept = [one for one in signature.parameters.values() if one.name not in parameters]
        if further:
            kept.append(inspect.Parameter(_ROWS, inspect.Parameter.KEYWORD_ONLY))
        run = wraps(test)(_run_async(test, usual) if inspect.iscoroutinefunction(test) else _run(test, usual))
        run.__signature__ = signature.replace(parameters=kept)
        if not further:
            return run
        cases = [pytest.param(usual, id="by default"), pytest.param(further, id="more", marks=pytest.mark.exhaustive)]
        return pytest.mark.parametrize(_ROWS, cases)(run)

    return decorate


def _title(row: Any, name_of: Callable[[Any], Any] | None) -> str:
    if row.id:
        return str(row.id)
    return "-".join(ascii(value)[:80] if name_of is None else str(name_of(value)) for value in row.values)


def _run(test: Test, usual: Rows) -> Any:
    def run(**fixtures: Any) -> None:
        rows = fixtures.pop(_ROWS, usual)
        with _failing_together(len(rows)) as failures:
            for title, values in rows:
                with _keeping(failures, title):
                    test(**fixtures, **values)

    return run


def _run_async(test: Test, usual: Rows) -> Any:
    async def run(**fixtures: Any) -> None:
        rows = fixtures.pop(_ROWS, usual)
        with _failing_together(len(rows)) as failures:
            for title, values in rows:
                with _keeping(failures, title):
                    await test(**fixtures, **values)

    return run


@contextmanager
def _failing_together(count: int) -> Iterator[list[tuple[str, BaseException]]]:
    failures: list[tuple[str, BaseException]] = []
    yield failures
    if failures:
        titles, errors = zip(*failures, strict=True)
        told = f"{len(failures)} of {count} rows fail: {', '.join(titles)}"
        raise ExceptionGroup(told, [_as_exception(error) for error in errors])


def _as_exception(error: BaseException) -> Exception:
    """The failure of a row; anyio's runner ends with any other in a group, and every test after it fails."""
    if isinstance(error, Exception):
        return error
    failed = AssertionError(f"{type(error).__name__}: {error}").with_traceback(error.__traceback__)
    failed.__notes__ = error.__notes__
    return failed


@contextmanager
def _keeping(failures: list[tuple[str, BaseException]], title: str) -> Iterator[None]:
    try:
        yield
    except _FAILURES as failure:
        failure.add_note(f"in the row {title}")
        failures.append((title, failure))
