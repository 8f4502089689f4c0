"""What a URL carries as text becomes exactly the value that it spells, or is refused by name."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError
from starlette.datastructures import QueryParams

from http_edge.urls import from_text, values
from todo_core.models.accounts import AccountQuery
from todo_core.models.changes import ChangeFilter
from todo_core.models.fields import Input, Offset
from todo_core.models.lists import ListRemoval
from todo_core.models.todos import TodoFilter
from todo_core.validation import refuse

pytestmark = pytest.mark.requirement("RS3")


class Paged(TodoFilter):
    """A filter with a field more, as a route may want it."""

    offset: Offset = 0


def read(model: type[Input], query: str) -> Any:
    return from_text(model).model_validate(values(QueryParams(query), model))


@pytest.mark.parametrize(
    ("model", "query", "read_as"),
    [
        (TodoFilter, "", {}),
        (TodoFilter, "list_id=7&limit=200", {"list_id": 7, "limit": 200}),
        (TodoFilter, "limit=1&limit=2", {"limit": 2}),
        (TodoFilter, "ids=1&ids=2", {"ids": [1, 2]}),
        (TodoFilter, "tags=1&tags=true&priority=low", {"tags": ["1", "true"], "priority": ["low"]}),
        (TodoFilter, "overdue=true&top_level=false", {"overdue": True, "top_level": False}),
        (TodoFilter, "text=5&cursor=12", {"text": "5", "cursor": "12"}),
        (Paged, "offset=5&overdue=true", {"offset": 5, "overdue": True}),
        (ChangeFilter, "since=0&limit=007", {"since": 0, "limit": 7}),
        (AccountQuery, "cursor=9&status=active", {"cursor": 9, "status": "active"}),
        (ListRemoval, "todos=move&move_to=3", {"todos": "move", "move_to": 3}),
    ],
)
def test_text_becomes_what_it_spells(model: type[Input], query: str, read_as: dict[str, Any]) -> None:
    found = read(model, query)

    assert isinstance(found, model)
    assert found.model_dump() == model(**read_as).model_dump()
    assert found.model_fields_set == read_as.keys()


@pytest.mark.parametrize(
    ("model", "query", "refused"),
    [
        (TodoFilter, "limit=1.0", {"limit": "must be a whole number"}),
        (TodoFilter, "limit=%D9%A3", {"limit": "must be a whole number"}),
        (TodoFilter, "limit=%201", {"limit": "must be a whole number"}),
        (TodoFilter, "limit=1_0", {"limit": "must be a whole number"}),
        (TodoFilter, f"limit={'9' * 30}", {"limit": "must be a whole number"}),
        (TodoFilter, "limit=0", {"limit": "must be 1 or more"}),
        (TodoFilter, "ids=1&ids=x", {"ids": "must be a whole number"}),
        (TodoFilter, "ids=1&ids=0", {"ids.1": "must be 1 or more"}),
        (TodoFilter, "overdue=1", {"overdue": "must be true or false"}),
        (TodoFilter, "overdue=True", {"overdue": "must be true or false"}),
        (TodoFilter, "offset=1", {"offset": "is not a known field"}),
        (Paged, "offset=-1&x=", {"offset": "must be 0 or more", "x": "is not a known field"}),
        (ChangeFilter, "since=-1", {"since": "must be 0 or more"}),
    ],
)
def test_anything_else_is_refused_by_name(model: type[Input], query: str, refused: dict[str, str]) -> None:
    with pytest.raises(ValidationError) as error:
        read(model, query)

    problems = refuse(error.value, model).errors
    assert {problem.field: problem.message for problem in problems} == refused


def test_the_shape_itself_stays_strict() -> None:
    """What comes as JSON spells a number with a number."""
    with pytest.raises(ValidationError):
        TodoFilter.model_validate({"limit": "5"})


def test_the_schema_of_a_shape_does_not_change() -> None:
    for model in (TodoFilter, Paged, ChangeFilter, AccountQuery, ListRemoval):
        assert from_text(model).model_json_schema() == model.model_json_schema()
