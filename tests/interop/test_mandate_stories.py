"""Stories of agents that are held to something, and of what they did taken back: scripted agents, over HTTP.

As in `test_stories.py`, each tells how many calls it takes, and looks into the database at its end.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from tests.interop.openai_agents.stage import Agent, Person, call, told


def number_of(person: Person, agent: Agent) -> int:
    """The id by which the person knows an agent."""
    (found,) = [one["id"] for one in person.send("GET", "/agents", None)["items"] if one["name"] == agent.name]
    return int(found)


@pytest.mark.requirement("ID9")
def test_of_two_agents_one_is_over_its_budget_and_the_other_goes_on(ann: Person) -> None:
    mail, phone = ann.agent("mail"), ann.agent("phone")
    mail.does("From the mail.", [call("add_todos", todos=[{"title": "Reply to Al"}])], "One so far.")
    ann.send("PATCH", f"/agents/{number_of(ann, mail)}", {"rows_per_day": 3})
    over = mail.does(
        "And these.",
        [call("get_overview")],
        [call("add_todos", todos=[{"title": f"Reply to {name}"} for name in ("Bo", "Cy", "Di")])],
        [call("add_todos", todos=[{"title": f"Reply to {name}"} for name in ("Bo", "Cy")])],
        [call("complete_todos", ids=[told("/3/results/0/id")])],
        "No more today.",
    )
    phone.does("Call Ed.", [call("add_todos", todos=[{"title": "Call Ed"}])], "Noted.")

    overview, refused, accepted, again = over.answers
    assert "3 rows in 24 hours" in overview["mandate"]
    assert [(one["code"], one["mandate"]) for one in (refused, again)] == [("outside_mandate", "rows_per_day")] * 2
    assert len(accepted["results"]) == 2
    assert ann.todos("done") == [{"title": f"Reply to {name}"} for name in ("Al", "Bo", "Cy")] + [{"title": "Call Ed"}]
    assert ann.writes() == [("mail", "add_todos")] * 2 + [("phone", "add_todos")]
    assert (mail.calls, phone.calls) == (5, 1)


@pytest.mark.requirement("ID8")
def test_an_agent_is_blocked_in_the_middle_of_what_it_does_and_let_in_again(ann: Person) -> None:
    agent = ann.agent("tidy")
    agent.does("Tidy up.", [call("add_todos", todos=[{"title": "Sort the drawer"}])], "Begun.")
    known = number_of(ann, agent)
    ann.send("POST", f"/agents/{known}/block", None)
    with pytest.raises(AssertionError, match="This agent is blocked"):  # the SDK tells it before the model is asked
        agent.does("Go on.", [call("add_todos", todos=[{"title": "Sort the shelf"}])], "I may not.")
    assert ann.todos() == [{"title": "Sort the drawer"}]
    ann.send("POST", f"/agents/{known}/unblock", None)
    agent.does("Go on now.", [call("complete_todos", ids=[told("/0/results/0/id")])], "Done.")

    assert ann.todos("done") == [{"title": "Sort the drawer", "done": True}]
    assert ann.writes() == [("tidy", "add_todos"), ("tidy", "complete_todos")]


@pytest.mark.requirement("ID9", "MC1")
def test_an_agent_is_shown_the_tools_that_its_mandate_allows(ann: Person) -> None:
    agent = ann.agent("helper")
    agent.does("What is there?", [call("get_overview")], "Nothing.")
    ann.send("PATCH", f"/agents/{number_of(ann, agent)}", {"verbs": ["read", "add"]})

    shown = agent.does("Add milk.", [call("add_todos", todos=[{"title": "Milk"}])], "Added.").shown

    assert {"add_todos", "add_lists", "list_todos", "get_overview"} <= {*shown}
    assert {*shown}.isdisjoint({"update_todos", "complete_todos", "delete_todos", "delete_lists", "update_tag", "undo"})
    assert ann.todos() == [{"title": "Milk"}]


@pytest.mark.requirement("SA7", "SA3")
def test_a_morning_of_one_of_three_agents_is_taken_back(ann: Person) -> None:
    mail, phone, desk = ann.agent("mail"), ann.agent("phone"), ann.agent("desk")
    mail.does("Yesterday.", [call("add_todos", todos=[{"title": "Pay the rent"}])], "Noted.")
    latest = datetime.fromisoformat(ann.send("GET", "/changes?limit=1", None)["items"][0]["at"])
    morning = (latest + timedelta(microseconds=1)).isoformat()
    mail.does(
        "Read my mail.",
        [call("add_todos", todos=[{"title": "Win a prize"}, {"title": "Win another"}])],
        [
            call(
                "update_todos",
                todos=[{"id": told("/1/results/0/id"), "title": "Pay a fee first", "priority": "urgent"}],
            )
        ],
        "You won.",
    )
    phone.does("Call Al.", [call("add_todos", todos=[{"title": "Call Al"}])], "Noted.")
    desk.does(
        "What is urgent?",
        [call("list_todos", priority=["urgent"])],
        [call("update_todos", todos=[{"id": told("/0/todos/0/id"), "add_note": "A fee?"}])],
        "The rent.",
    )
    taken = {"agent": number_of(ann, mail), "made_after": morning}

    undone = ann.send("POST", "/undo", taken)

    assert undone["skipped"] == []
    assert ann.todos("trashed", "priority") == [
        {"title": "Pay the rent"},
        {"title": "Win a prize", "trashed": True},
        {"title": "Win another", "trashed": True},
        {"title": "Call Al"},
    ]
    assert [agent for agent, _ in ann.writes()] == ["mail", "mail", "mail", "phone", "desk"]
    back = mail.does("I did want it.", [call("undo", change_ids=[undone["change_id"], 1])], "I may not undo that.")
    assert back.answers[0]["code"] in ("invalid_input", "not_owner", "not_found")
    assert ann.send("POST", f"/changes/{undone['change_id']}/undo", None)["change_id"]
    assert [todo["title"] for todo in ann.todos() if "trashed" not in todo][1:2] == ["Pay a fee first"]
