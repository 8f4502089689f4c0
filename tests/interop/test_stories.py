"""Stories: scripted agents of the OpenAI Agents SDK work todos over HTTP, from a person's wish to the database.

Each story tells how many calls it takes, and looks into the database at its end.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from tests.interop.openai_agents.stage import Person, Stage, call, told

DAY = timedelta(days=1)


def start_of_summer_time(zone: ZoneInfo) -> date:
    """The day of next year on which the clocks go forward."""
    days = [date(datetime.now(UTC).year + 1, 3, 1) + number * DAY for number in range(31)]
    offsets = [datetime.combine(day, time(12), zone).utcoffset() for day in days]
    (found,) = (day for day, (before, after) in zip(days[1:], pairwise(offsets), strict=True) if before != after)
    return found


@pytest.mark.requirement("TD1", "TD6", "TD9", "TD10", "LT1")
def test_a_move_is_planned_with_a_list_subtasks_and_dates_in_words(ann: Person) -> None:
    agent = ann.agent()
    planned = agent.does(
        "We move next week. Plan it for me.",
        [call("get_overview")],
        [call("add_lists", lists=[{"name": "Move", "color": "blue"}])],
        [
            call(
                "add_todos",
                todos=[
                    {"title": "Move house", "list_id": told("/1/results/0/id"), "due": "in 1 week", "priority": "high"},
                    {"title": "Pack", "parent_index": 0, "due": "in 6 days"},
                    {"title": "Pack the books", "parent_index": 1, "due": "tomorrow 5pm"},
                    {"title": "Rent a van", "parent_index": 0, "due": "today 5pm", "tags": ["phone"]},
                    {"title": "Cancel the power", "parent_index": 0},
                ],
            )
        ],
        "Your move is planned.",
    )
    today = date.fromisoformat(planned.answers[0]["today"])
    dues = [result.get("due") for result in planned.answers[2]["results"]]
    assert dues == [
        f"{today + 7 * DAY:%Y-%m-%d %a}",
        f"{today + 6 * DAY:%Y-%m-%d %a}",
        f"{today + DAY:%Y-%m-%d %a} 17:00",
        f"{today:%Y-%m-%d %a} 17:00",
        None,
    ]
    agent.does(
        "We have moved!",
        [call("complete_todos", ids=[told("/2/results/0/id")])],
        [call("list_todos", list_id=told("/1/results/0/id"))],
        "Done, with its four subtasks.",
    )

    assert agent.runs[1].answers[0]["results"][0]["subtasks"] == 4
    assert agent.runs[1].answers[1]["showing"] == "0 of 0"
    moved = {"list": "Move", "done": True}
    assert ann.todos("list", "parent", "due", "priority", "tags", "done") == [
        {"title": "Move house", "due": f"{today + 7 * DAY}", "priority": "high"} | moved,
        {"title": "Pack", "parent": "Move house", "due": f"{today + 6 * DAY}"} | moved,
        {"title": "Pack the books", "parent": "Pack", "due": f"{today + DAY} 17:00"} | moved,
        {"title": "Rent a van", "parent": "Move house", "due": f"{today} 17:00", "tags": ["phone"]} | moved,
        {"title": "Cancel the power", "parent": "Move house"} | moved,
    ]
    assert agent.calls == 5


@pytest.mark.requirement("TD6", "TD10", "TD11", "LT3")
def test_every_second_tuesday_stays_at_nine_when_the_clocks_change(stage: Stage) -> None:
    ann = stage.person("UTC")
    agent = ann.agent()
    tuesday = start_of_summer_time(ZoneInfo("Europe/Berlin")) - 5 * DAY
    agent.does(
        "I live in Berlin. Put the bins out every second Tuesday at nine, from the last one before summer time on.",
        [call("update_profile", time_zone="Europe/Berlin")],
        [call("add_todos", todos=[{"title": "Bins", "due": f"{tuesday} 09:00", "repeat": "every second tuesday"}])],
        [call("complete_todos", ids=[told("/1/results/0/id")])],
        [call("complete_todos", ids=[told("/2/results/0/next/id")], skip=True)],
        "The next time is in four weeks.",
    )

    _, added, completed, skipped = agent.runs[0].answers
    assert added["results"][0]["repeat"] == "every 2 weeks on Tue"
    following = completed["results"][0]["next"]
    assert following["due"] == f"{tuesday + 14 * DAY} Tue 09:00"
    assert completed["time_zone"] == "Europe/Berlin"
    assert skipped["results"][0]["due"] == f"{tuesday + 28 * DAY} Tue 09:00"
    bins = {"title": "Bins", "repeat": "every 2 weeks on Tue"}
    assert ann.todos("due", "utc", "repeat", "done") == [
        bins | {"due": f"{tuesday} 09:00", "utc": "08:00", "done": True},
        bins | {"due": f"{tuesday + 28 * DAY} 09:00", "utc": "07:00"},
    ]
    assert agent.calls == 4


@pytest.mark.requirement("TD6", "TD12")
def test_a_todo_is_found_by_misspelt_words_and_finished(ann: Person) -> None:
    agent = ann.agent()
    titles = ("Renew the passport", "Book the dentist", "Pass the exam")
    agent.does("Three things.", [call("add_todos", todos=[{"title": title} for title in titles])], "Added.")
    done = agent.does(
        "I have my new pasport.",
        [call("list_todos", text="pasport")],
        [call("complete_todos", ids=[told("/1/near/0/id")])],
        "Ticked off.",
    )

    found, _ = done.answers
    assert (found["showing"], found["did_you_mean"]) == ("0 of 0", "passport")
    assert [todo["title"] for todo in found["near"]] == ["Renew the passport"]
    assert ann.todos("done") == [
        {"title": "Renew the passport", "done": True},
        {"title": "Book the dentist"},
        {"title": "Pass the exam"},
    ]
    assert agent.calls == 3


@pytest.mark.requirement("IN2", "MC6", "TD3", "TD10")
def test_a_week_is_reviewed(ann: Person) -> None:
    agent = ann.agent()
    todos = [
        {"title": "Send the invoice", "tags": ["work"]},
        {"title": "Answer Cy", "due": "yesterday 5pm"},
        {"title": "Learn Greek", "due": "yesterday", "priority": "low"},
    ]
    agent.does(
        "Note these; the invoice is sent.",
        [call("add_todos", todos=todos)],
        [call("complete_todos", ids=[told("/0/results/0/id")])],
        "Noted.",
    )
    review = agent.does(
        "",
        [call("get_report")],
        [call("list_todos", status="done", completed_after="7 days ago")],
        [call("list_todos", overdue=True, sort="due")],
        "You sent the invoice. Cy waits, and Greek. What shall become of them?",
        prompt="weekly_review",
    )
    assert "Review my week with me" in review.said
    report, done, overdue = review.answers
    assert [report["summary"][name] for name in ("open", "overdue", "completed_7_days")] == [2, 2, 1]
    assert [report["week"][name] for name in ("added", "completed", "overdue")] == [3, 1, 2]
    assert report["streaks"]["completions"]["current"] == 1
    assert [todo["title"] for todo in done["todos"]] == ["Send the invoice"]
    assert [todo["title"] for todo in overdue["todos"]] == ["Answer Cy", "Learn Greek"]
    agent.does(
        "Cy gets an answer tomorrow; drop the Greek.",
        [
            call("update_todos", todos=[{"id": told("/4/todos/0/id"), "due": "tomorrow"}]),
            call("delete_todos", ids=[told("/4/todos/1/id")]),
        ],
        [call("list_todos", overdue=True)],
        "Nothing is overdue.",
    )

    assert agent.runs[-1].answers[-1]["showing"] == "0 of 0"
    tomorrow = date.fromisoformat(agent.runs[-1].answers[0]["results"][0]["due"][:10])
    assert ann.todos("due", "priority", "done", "trashed", "tags") == [
        {"title": "Send the invoice", "done": True, "tags": ["work"]},
        {"title": "Answer Cy", "due": f"{tomorrow} 17:00"},
        {"title": "Learn Greek", "due": f"{tomorrow - 2 * DAY}", "priority": "low", "trashed": True},
    ]
    assert agent.calls == 8


@pytest.mark.requirement("TD5", "TD11")
def test_a_chore_comes_back_until_its_series_is_ended(ann: Person) -> None:
    agent = ann.agent()
    agent.does(
        "Remind me to run, every day from tomorrow on.",
        [call("add_todos", todos=[{"title": "Run", "due": "tomorrow", "repeat": "daily"}])],
        "I will.",
    )
    tomorrow = date.fromisoformat(agent.runs[0].answers[0]["results"][0]["due"][:10])
    agent.does(
        "I have run. The day after I can't. Then call it a jog.",
        [call("complete_todos", ids=[told("/0/results/0/id")])],
        [call("complete_todos", ids=[told("/1/results/0/next/id")], skip=True)],
        [call("update_todos", todos=[{"id": told("/2/results/0/id"), "title": "Jog"}])],
        "It is a jog now.",
    )
    assert ann.todos("due", "repeat", "done") == [
        {"title": "Run", "due": f"{tomorrow}", "repeat": "every day", "done": True},
        {"title": "Jog", "due": f"{tomorrow + 2 * DAY}", "repeat": "every day"},
    ]
    agent.does(
        "This one is the last.",
        [call("update_todos", todos=[{"id": told("/2/results/0/id"), "clear": ["repeat"]}])],
        [call("complete_todos", ids=[told("/2/results/0/id")])],
        "The series is over.",
    )

    assert "next" not in agent.runs[-1].answers[1]["results"][0]
    assert ann.todos("due", "repeat", "done") == [
        {"title": "Run", "due": f"{tomorrow}", "repeat": "every day", "done": True},
        {"title": "Jog", "due": f"{tomorrow + 2 * DAY}", "done": True},
    ]
    assert agent.calls == 6


@pytest.mark.requirement("TD10", "MC4")
def test_an_ambiguous_date_is_refused_with_its_readings_and_the_one_that_is_meant_is_sent(ann: Person) -> None:
    agent = ann.agent()
    agent.does(
        "Taxes, by 03/04/2031.",
        [call("add_todos", todos=[{"title": "Taxes", "due": "03/04/2031"}])],
        "March or April?",
    )
    refused = agent.runs[0].answers[0]
    assert refused["code"] == "invalid_input"
    assert refused["errors"][0]["allowed"] == ["2031-03-04", "2031-04-03"]
    assert ann.todos() == []
    agent.does(
        "April.",
        [call("add_todos", todos=[{"title": "Taxes", "due": told("/0/errors/0/allowed/1")}])],
        "By Thursday, 3 April 2031.",
    )

    assert agent.runs[1].answers[0]["results"][0]["due"] == "2031-04-03 Thu"
    assert ann.todos("due") == [{"title": "Taxes", "due": "2031-04-03"}]
    assert agent.calls == 2
