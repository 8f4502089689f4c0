"""Insight over HTTP: JSON, and the week as a picture."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any
from xml.etree import ElementTree as ET

import httpx2
import pytest

from rest_api import pictures
from tests.rest.problems import problem
from todo_core.models.analytics import Streaks, Summary, WeeklyReport

pytestmark = pytest.mark.requirement("IN1", "IN2", "IN3", "RS2")

WEEKLY = "/api/v1/analytics/weekly-report"
SHAPES = {
    "/api/v1/analytics/streaks": Streaks,
    "/api/v1/analytics/summary": Summary,
    WEEKLY: WeeklyReport,
}
_SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize("path", SHAPES)
async def test_each_answers_its_shape(path: str, http: httpx2.AsyncClient) -> None:
    response = await http.get(path)

    assert (response.status_code, response.headers["content-type"]) == (200, "application/json")
    SHAPES[path].model_validate_json(response.content)


@pytest.mark.usefixtures("noon")
async def test_the_report_counts_what_was_just_done(http: httpx2.AsyncClient, todo: str) -> None:
    await http.patch(f"{todo}/complete")

    report = (await http.get(WEEKLY)).json()

    assert (report["added"], report["completed"]) == (1, 1)
    assert (await http.get("/api/v1/analytics/summary")).json()["completed_7_days"] == 1
    streaks = (await http.get("/api/v1/analytics/streaks")).json()
    assert streaks["completions"]["current"] == streaks["logins"]["current"] == 1


async def test_the_week_can_be_named(http: httpx2.AsyncClient) -> None:
    report = (await http.get(WEEKLY, params={"week": "2026-11-04"})).json()

    assert (report["first_day"], report["last_day"], report["is_over"]) == ("2026-11-02", "2026-11-08", True)


@pytest.mark.requirement("RS3")
@pytest.mark.parametrize(
    ("params", "field"),
    [({"week": "someday"}, "week"), ({"week": ""}, "week"), ({"format": "png"}, "format"), ({"weeks": "1"}, "weeks")],
)
async def test_what_is_not_understood_is_refused_by_name(
    params: dict[str, str], field: str, http: httpx2.AsyncClient
) -> None:
    told = problem(await http.get(WEEKLY, params=params), 422, "invalid_input")

    assert [one["field"] for one in told["errors"]] == [field]


# --- the picture -------------------------------------------------------------------------------


def texts(picture: bytes) -> list[str]:
    return [text.text or "" for text in ET.fromstring(picture).iter(f"{_SVG}text")]  # noqa: S314  # our own


async def test_the_report_is_a_picture_for_who_wants_one(http: httpx2.AsyncClient, todo: str, noon: str) -> None:
    del todo
    response = await http.get(WEEKLY, params={"format": "svg", "week": "today"})

    assert (response.status_code, response.headers["content-type"]) == (200, "image/svg+xml")
    shown = texts(response.content)
    assert {"Added", "Completed", "Overdue", "Completion rate", f"{noon}, so far"} <= {*shown}
    assert "+1, was 0" in shown


@pytest.mark.requirement("RS1")
@pytest.mark.parametrize(
    ("accept", "wanted", "status"),
    [
        ("image/svg+xml", "svg", 200),
        ("image/*", "svg", 200),
        ("text/html, */*;q=0.1", "svg", 200),
        ("application/json", "json", 200),
        ("application/json, image/svg+xml", "svg", 200),
        ("application/json", "svg", 406),
        ("image/svg+xml", "json", 406),
        ("image/svg+xml;q=0, */*", "svg", 406),
        ("text/html", "svg", 406),
    ],
)
async def test_accept_has_its_say_about_the_picture(
    accept: str, wanted: str, status: int, http: httpx2.AsyncClient
) -> None:
    response = await http.get(WEEKLY, params={"format": wanted}, headers={"Accept": accept})

    assert response.status_code == status


@pytest.mark.requirement("RS1")
async def test_other_routes_answer_no_picture(http: httpx2.AsyncClient) -> None:
    response = await http.get("/api/v1/analytics/streaks", headers={"Accept": "image/svg+xml"})

    problem(response, 406, "not_acceptable")


@pytest.mark.requirement("RS4")
async def test_the_contract_names_both_media_types(http: httpx2.AsyncClient) -> None:
    declared = (await http.get("/api/v1/openapi.json")).json()["paths"][WEEKLY]["get"]["responses"]

    assert declared["200"]["content"].keys() == {"application/json", "image/svg+xml"}
    assert declared["200"]["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/WeeklyReport"}
    assert declared["200"]["description"]


FIRST_DAY = date(2026, 9, 28)


def report(added: list[int], completed: list[int], **changed: Any) -> dict[str, Any]:
    """A report with seven days, and a week before without anything."""
    totals = {"added": sum(added), "completed": sum(completed), "overdue": 0, "completion_rate": 1.0}
    before = {"added": 0, "completed": 0, "overdue": 0, "completion_rate": None}
    days = [FIRST_DAY + timedelta(days=n) for n in range(7)]
    return (
        {
            "first_day": days[0].isoformat(),
            "last_day": days[6].isoformat(),
            "time_zone": "Europe/Berlin",
            "is_over": True,
            "by_day": [
                {"date": day.isoformat(), "weekday": f"{day:%A}", "added": came, "completed": went}
                for day, came, went in zip(days, added, completed, strict=True)
            ],
            "week_before": before,
            "difference": totals | {"completion_rate": None},
        }
        | totals
        | changed
    )


def bars(picture: bytes, kind: str) -> list[tuple[float, float]]:
    """Top and height of each bar of a kind, without the square of the legend."""
    boxes = ET.fromstring(picture).iter(f"{_SVG}rect")  # noqa: S314  # our own
    return [
        (float(box.attrib["y"]), float(box.attrib["height"]))
        for box in boxes
        if box.get("class") == kind and box.get("height") != "12"
    ]


def test_bars_are_as_high_as_what_they_count() -> None:
    picture = pictures.weekly_report(report([1, 2, 4, 0, 0, 0, 8], [0] * 6 + [2]))

    heights = [height for _, height in bars(picture, "added")]
    assert [height / heights[0] for height in heights] == pytest.approx([1, 2, 4, 8], rel=1e-3)
    top_line = min(top for top, height in bars(picture, "line") if height == 1)
    assert bars(picture, "added")[-1][0] == pytest.approx(top_line, abs=1)
    (completed,) = bars(picture, "completed")
    assert completed[1] == pytest.approx(heights[1], rel=1e-3)
    assert len({round(top + height, 1) for top, height in [*bars(picture, "added"), completed]}) == 1


def test_a_week_without_anything_says_so() -> None:
    picture = pictures.weekly_report(report([0] * 7, [0] * 7, completion_rate=None))

    assert bars(picture, "added") == bars(picture, "completed") == []
    assert "Nothing added, nothing completed" in texts(picture)


@pytest.mark.parametrize(
    ("number", "shown"),
    [(1, "1"), (999, "999"), (1_000, "1k"), (5_432, "5.4k"), (9_960, "10k"), (999_499, "999k"), (999_500, "1M")],
)
def test_large_numbers_are_short(number: int, shown: str) -> None:
    picture = pictures.weekly_report(report([number, *[0] * 6], [0] * 7))

    above_bars = [text.text for text in ET.fromstring(picture).iter(f"{_SVG}text") if text.get("font-size") == "11"]  # noqa: S314  # our own
    assert above_bars == [shown]


def test_nothing_leaves_the_picture() -> None:
    counts = [123_456_789_012, 1, 0, 7, 99_999, 1_000_000, 12]
    root = ET.fromstring(pictures.weekly_report(report(counts, counts[::-1])))  # noqa: S314  # our own

    for box in root.iter(f"{_SVG}rect"):
        x, y, width, height = (float(box.attrib[name]) for name in ("x", "y", "width", "height"))
        assert 0 <= x <= x + width <= 720
        assert 0 <= y <= y + height <= 432


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "28 September \N{EN DASH} 4 October 2026"),
        ({"first_day": "2026-11-16", "last_day": "2026-11-22"}, "16\N{EN DASH}22 November 2026"),
        ({"first_day": "2026-12-28", "last_day": "2027-01-03"}, "28 December 2026 \N{EN DASH} 3 January 2027"),
    ],
)
def test_the_title_is_the_week(changes: dict[str, str], words: str) -> None:
    assert words in texts(pictures.weekly_report(report([0] * 7, [0] * 7, **changes)))


def test_the_change_is_told_in_signs_and_words_not_only_in_colour() -> None:
    before = {"added": 3, "completed": 7, "overdue": 2, "completion_rate": 0.875}
    difference = {"added": 4, "completed": 0, "overdue": -2, "completion_rate": 0.125}
    shown = texts(
        pictures.weekly_report(report([7, *[0] * 6], [7, *[0] * 6], week_before=before, difference=difference))
    )

    assert {"+4, was 3", "was 7", "\N{MINUS SIGN}2, was 2", "+12 points, was 87%"} <= {*shown}


def test_the_picture_can_be_read_aloud_and_carries_no_program() -> None:
    hostile = "</text><script>alert(1)</script>&"
    picture = pictures.weekly_report(report([3, *[0] * 6], [0] * 7, time_zone=hostile))
    root = ET.fromstring(picture)  # noqa: S314  # our own

    assert root.get("role") == "img"
    named = [root.find(f"{_SVG}{name}") for name in ("title", "desc")]
    assert root.get("aria-labelledby") == " ".join(one.attrib["id"] for one in named if one is not None)
    assert named[0] is not None
    assert named[0].text == "Week of 28 September \N{EN DASH} 4 October 2026"
    assert named[1] is not None
    assert "Monday: 3 added, 0 completed" in (named[1].text or "")
    assert {one.tag.removeprefix(_SVG) for one in root.iter()} == {"svg", "title", "desc", "style", "rect", "text"}
    assert not any(name.startswith("on") or "href" in name for one in root.iter() for name in one.attrib)
    assert b"url(" not in picture
    assert b"prefers-color-scheme: dark" in picture
    assert hostile in texts(picture)
