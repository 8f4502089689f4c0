"""Every refused field by name, with what would be accepted, and never with its value."""

from __future__ import annotations

from typing import Annotated, Any

import pytest
from pydantic import BaseModel, BeforeValidator, Field, TypeAdapter, ValidationError

from tests.pauses import fastest
from tests.tables import each
from todo_core.errors import InvalidInput
from todo_core.models.agents import Mandate
from todo_core.models.fields import MAX_BATCH
from todo_core.models.todos import TodoCreate, TodoFilter, TodoId, TodoIds, TodoUpdate
from todo_core.models.tokens import TokenCreate
from todo_core.validation import Tried, field_errors, known_fields, refuse, refuse_crowd

SECRET = "do-not-echo-me"


def refused(kind: Any, value: Any) -> dict[str, dict[str, Any]]:
    """What is said about each field."""
    with pytest.raises(ValidationError) as error:
        TypeAdapter(kind).validate_python(value, strict=True)
    told = refuse(error.value, kind)
    assert told.code == "invalid_input"
    assert SECRET not in repr(told.as_dict())
    return {problem.field: problem.as_dict() for problem in told.errors}


def refused_whole(kind: Any, value: Any) -> InvalidInput:
    """The refusal of a value, as both faces come to it."""
    try:
        refuse_crowd(value, kind)
        TypeAdapter(kind).validate_python(value, strict=True)
    except InvalidInput as found:
        return found
    except ValidationError as error:
        return refuse(error, kind)
    raise AssertionError("it was accepted")


BAD = [
    (TodoCreate, {}, "title", "is required"),
    (TodoCreate, {"title": ""}, "title", "must have at least 1 characters"),
    (TodoCreate, {"title": "   "}, "title", "must have at least 1 characters"),
    (TodoCreate, {"title": SECRET * 20}, "title", "must have at most 200 characters"),
    (TodoCreate, {"title": 5}, "title", "must be a string"),
    (TodoCreate, {"title": None}, "title", "must be a string"),
    (TodoCreate, {"title": f"{SECRET}\x00"}, "title", "must not contain a NUL character"),
    (TodoCreate, {"title": f"{SECRET}\ud800"}, "title", "must not contain a lone surrogate (character 15)"),
    (TodoCreate, {"title": f"{SECRET}\n{SECRET}"}, "title", "must not contain a line break or a tab (character 15)"),
    (TodoCreate, {"title": "\u200b"}, "title", "must have at least one visible character"),
    (TodoCreate, {"title": "t", "description": "\x1b"}, "description", "must not contain a control character"),
    (TodoCreate, {"title": "t", "tags": ["a", f"\u202e{SECRET}"]}, "tags.1", "must not contain a character that turns"),
    (TodoCreate, {"title": "t", "description": SECRET * 100}, "description", "must have at most 1000 characters"),
    (TodoCreate, {"title": "t", "description": "\x00"}, "description", "must not contain a NUL character"),
    (TodoCreate, {"title": "t", "priority": SECRET}, "priority", "must be one of the allowed values"),
    (TodoCreate, {"title": "t", "id": 1}, "id", "is not a known field"),
    (TodoCreate, [SECRET], "body", "must be an object"),
    (TodoUpdate, {"title": "t"}, "id", "is required"),
    (TodoUpdate, {"id": 1, "title": None}, "title", "must be a string"),
    (TodoUpdate, {"id": 0}, "id", "must be 1 or more"),
    (TodoUpdate, {"id": 2**63}, "id", f"must be {2**63 - 1} or less"),
    (TodoUpdate, {"id": 10**400}, "id", None),
    (TodoUpdate, {"id": True}, "id", "must be a whole number"),
    (TodoUpdate, {"id": 1.0}, "id", "must be a whole number"),
    (TodoUpdate, {"id": float("nan")}, "id", "must be a whole number"),
    (TodoUpdate, {"id": "1"}, "id", "must be a whole number"),
    (TodoUpdate, {"id": 1, "if_version": 0}, "if_version", "must be 1 or more"),
    (TodoUpdate, {"id": 1, "is_completed": 1}, "is_completed", "must be true or false"),
    (TodoUpdate, {"id": 1, "is_completed": "true"}, "is_completed", "must be true or false"),
    (TodoUpdate, {"id": 1, "version": 1}, "version", "is not a known field"),
    (TodoUpdate, SECRET, "body", "must be an object"),
    (TodoIds, [], "body", "must have at least 1 items"),
    (TodoIds, [1] * (MAX_BATCH + 1), "body", f"must have at most {MAX_BATCH} items"),
    (list[TodoId], [1, 2, "3"], "2", "must be a whole number"),
    (TodoIds, SECRET, "body", "must be a list"),
    (TodoFilter, {"limit": 0}, "limit", "must be 1 or more"),
    (TodoFilter, {"limit": 201}, "limit", "must be 200 or less"),
    (TodoFilter, {"limit": -(10**30)}, "limit", "must be 1 or more"),
    (TodoFilter, {"text": " "}, "text", "must have at least 1 characters"),
    (TodoFilter, {"ids": [0]}, "ids.0", "must be 1 or more"),
    (TodoFilter, {"priority": ["low"] * 5}, "priority", "must have at most 4 items"),
    (TodoFilter, {"created_after": 1}, "created_after", "must be a string"),
    (TodoFilter, {"created_after": "x" * 101}, "created_after", "must have at most 100 characters"),
    (TodoFilter, {"cursor": "c" * 501}, "cursor", "must have at most 500 characters"),
    (TokenCreate, {"name": "t", "scopes": []}, "scopes", "must have at least 1 items"),
    (TokenCreate, {"name": "t", "expires_in_days": 0}, "expires_in_days", "must be 1 or more"),
]


@pytest.mark.requirement("RS3", "MC4", "TD1", "TD5")
@each(("kind", "value", "field", "message"), BAD)
def test_a_bad_field_is_named_and_its_value_is_not(kind: Any, value: Any, field: str, message: str | None) -> None:
    told = refused(kind, value)

    assert list(told) == [field]
    assert told[field]["message"].startswith(message or "must ")


@pytest.mark.requirement("RS3", "MC4")
def test_what_would_be_accepted_is_listed() -> None:
    told = refused(TodoFilter, {"status": SECRET, "unknown": 1})

    assert told["status"]["allowed"] == ["open", "done", "all", "trashed"]
    assert told["unknown"]["allowed"] == list(TodoFilter.model_fields)


@pytest.mark.requirement("RS3", "MC4")
def test_the_fields_of_the_object_are_listed_that_has_the_unknown_one() -> None:
    """Not those of the whole; nor any, where it may be one of several objects."""
    token = refused(TokenCreate, {"name": "a", "scopes": [], "mandate": {"until": SECRET}})
    due = refused(TodoCreate, {"title": "a", "due": {"until": SECRET}})

    assert token["mandate.until"]["allowed"] == known_fields(Mandate)
    assert due["due.until"]["allowed"][:2] == ["date", "time"]


@pytest.mark.requirement("RS3", "MC4")
@pytest.mark.parametrize("text", ["\xa0" + "x" * 240_000, "\u200b" * 100_000, "a" + "\u0316\u0301" * 60_000])
@pytest.mark.parametrize(("field", "most"), [("title", 200), ("description", 1000)])
def test_a_text_far_too_long_is_refused_in_the_usual_words_at_once(text: str, field: str, most: int) -> None:
    assert fastest(lambda: refused(TodoCreate, {"title": "a", field: text})) < 0.02
    told = refused(TodoCreate, {"title": "a", field: text})
    assert told[field]["message"] == f"must have at most {most} characters"
    assert TodoCreate.model_validate({"title": "a", field: f"{' ' * 9_000}b\n"}).model_dump()[field] == "b"


@pytest.mark.requirement("RS3", "MC4", "OW6")
@pytest.mark.parametrize("unknown", [20, 21, 5000])
def test_the_first_twenty_refused_fields_are_listed_and_the_others_counted(unknown: int) -> None:
    crowd = {"title": "t"} | {f"n{number}": SECRET for number in range(unknown)}
    (item,) = TypeAdapter(list[Tried[TodoUpdate]]).validate_python([crowd])
    assert isinstance(item, InvalidInput)

    for told in (item, refused_whole(TodoCreate, crowd)):
        answer = told.as_dict()
        names = [problem["field"] for problem in answer["errors"]]
        # What else is wrong with an object comes first, unless it has more unknown fields than are listed.
        assert [name for name in names if name != "id"] == [f"n{n}" for n in range(len([*names]) - names.count("id"))]
        assert len(names) == 20
        assert 20 + answer.get("more_errors", 0) >= unknown
        assert SECRET not in repr(answer)


def test_a_shape_with_more_than_twenty_fields_takes_them_all() -> None:
    texts = {name: "today" for name in TodoFilter.model_fields if name.endswith(("_after", "_before"))}
    ids = {"ids": [1], "list_id": 1, "parent_id": 1}
    words = {"status": "all", "tags": ["a"], "tags_match": "any", "priority": ["low"], "text": "a", "cursor": "a"}
    rest = {"limit": 1, "archived": "include", "overdue": True, "top_level": True, "sort": "due", "direction": "asc"}
    wanted = texts | ids | words | rest
    assert len(wanted) > 20

    refuse_crowd(wanted, TodoFilter)
    assert TodoFilter.model_validate(wanted).text == "a"


@pytest.mark.requirement("RS3")
def test_of_a_union_every_members_fields_are_known() -> None:
    class Other(BaseModel):
        value: int

    crowd = {"value": 1, "title": 1} | {f"n{number}": 1 for number in range(30)}
    with pytest.raises(InvalidInput) as found:
        refuse_crowd(crowd, Annotated[TodoCreate | Other, Field()])

    assert [problem.field for problem in found.value.errors] == [f"n{number}" for number in range(20)]
    assert found.value.extra == {"more_errors": 10}
    refuse_crowd(crowd, int)


@pytest.mark.requirement("RS3")
@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("<script>", "?script?"),
        ("a" * 100_000, "a" * 64),
        ("\x00\n", "??"),
        ("\ud800", "body"),
        ("ünïcode", "?n?code"),
        ("", ""),
    ],
)
def test_an_unknown_name_is_cut_and_cleaned(name: str, shown: str) -> None:
    assert list(refused(TodoCreate, {"title": "t", name: 1})) == [shown or "body"]


@pytest.mark.requirement("RS3")
def test_what_there_are_no_words_for_is_simply_not_valid() -> None:
    class Ratio(BaseModel):
        value: Annotated[int, Field(multiple_of=5)]

    assert refused(Ratio, {"value": 3})["value"]["message"] == "is not valid"


@pytest.mark.requirement("RS3")
def test_the_transports_own_prefix_is_left_out() -> None:
    with pytest.raises(ValidationError) as error:
        TypeAdapter(dict[str, TodoId]).validate_python({"query": 0})

    assert [problem.field for problem in field_errors(error.value.errors(), skip=1)] == ["body"]
    assert [problem.field for problem in field_errors(error.value.errors())] == ["query"]


def test_the_known_fields_are_those_of_a_model_or_a_typed_dictionary() -> None:
    assert known_fields(TodoCreate)[:3] == ["title", "description", "priority"]
    assert {"id", "if_version", "title", "is_completed", "add_tags"} <= set(known_fields(TodoUpdate))
    assert known_fields(TodoIds) == []


@pytest.mark.requirement("MC5")
def test_a_bad_item_stands_beside_the_good_ones() -> None:
    good, bad, also_good = TypeAdapter(list[Tried[TodoCreate]]).validate_python(
        [{"title": "one"}, {"title": SECRET * 20, "more": 1}, {"title": "  two  "}]
    )

    assert good == TodoCreate(title="one")
    assert isinstance(bad, InvalidInput)
    assert {problem.field for problem in bad.errors} == {"title", "more"}
    assert bad.errors[1].allowed == known_fields(TodoCreate)
    assert SECRET not in repr(bad.as_dict())
    assert also_good == TodoCreate(title="two")


@pytest.mark.requirement("RS3")
def test_an_error_of_our_own_is_told_in_its_words() -> None:
    def never(_: object) -> object:
        raise ValueError("is never right")

    assert refused(Annotated[str, BeforeValidator(never)], SECRET)["body"]["message"] == "is never right"
