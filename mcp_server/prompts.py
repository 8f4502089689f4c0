"""Write the prompts that a person picks from a client's menu (MC6). Dates are in the person's time zone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo

import orjson
from mcp_types import GetPromptResult, PromptArgument, PromptMessage, TextContent
from mcp_types import Prompt as ListedPrompt
from pydantic import Field, ValidationError

from todo_core.boundary.caller import Caller
from todo_core.boundary.operation import Operation
from todo_core.errors import FieldError, InvalidInput
from todo_core.models.fields import Input, Lines
from todo_core.operations import analytics, overview, todos
from todo_core.validation import refuse

_WEEKDAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


@dataclass(frozen=True, slots=True)
class Day:
    """The person's date and time, and counts of the person's todos."""

    now: datetime
    """The present moment in the person's time zone."""
    week_start: str
    """The person's first day of the week: monday, sunday or saturday."""
    open: int
    """Open todos."""
    due_today: int
    """Open todos that are due today."""
    overdue: int
    """Open todos past their due."""

    @classmethod
    async def of(cls, caller: Caller) -> Day:
        """Read the caller's overview."""
        row = orjson.loads((await caller.perform(overview.get)).json)
        now = datetime.fromisoformat(row["now"]).astimezone(ZoneInfo(row["time_zone"]))
        return cls(now, row["week_start"], row["open"], row["due_today"], row["overdue"])

    @property
    def words(self) -> str:
        """Return the date as a prompt says it: `Friday, 2026-11-27 (Europe/Berlin)`."""
        return f"{self.now:%A}, {self.now:%Y-%m-%d} ({self.now.tzinfo})"

    @property
    def last_week_start(self) -> datetime:
        """Return the begin of the week to review: of this week, or on its first day of the week before."""
        days = (self.now.weekday() - _WEEKDAYS.index(self.week_start)) % 7 or 7
        return datetime.combine(self.now.date() - timedelta(days), time(), self.now.tzinfo)


class NoArguments(Input):
    """The arguments of a prompt without any."""


class Dump(Input):
    """The arguments of `brain_dump`."""

    text: Annotated[
        Annotated[str, Lines(min_length=1, max_length=20_000)] | None,
        Field(description="Everything on your mind, in any order. Left out: the agent asks."),
    ] = None


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt of the menu."""

    title: str
    """What people see."""
    words: str
    """What it is for."""
    write: Callable[[Day, Any], list[str]]
    """Returns the user messages, from the day and the arguments."""
    needs: tuple[Operation[..., Any], ...]
    """Operations that an agent uses when it follows the prompt."""
    takes: type[Input] = NoArguments
    """The shape of its arguments."""

    @property
    def name(self) -> str:
        """Return the name by which clients ask for it: that of the function that writes it."""
        return self.write.__name__

    def is_for(self, caller: Caller) -> bool:
        """Return whether token and mandate of the caller allow every operation that it needs."""
        return all(caller.could(operation) for operation in self.needs)

    def listed(self) -> ListedPrompt:
        """Return its entry in `prompts/list`."""
        arguments = [
            PromptArgument(name=name, description=field.description, required=field.is_required())
            for name, field in self.takes.model_fields.items()
        ]
        return ListedPrompt(name=self.name, title=self.title, description=self.words, arguments=arguments)


def plan_my_day(day: Day, _: NoArguments) -> list[str]:
    """Write the prompt that chooses what to do today."""
    return [
        f"Help me plan my day. It is {day.words}, {day.now:%H:%M}; I have {day.open} open todos, {day.overdue} of them"
        f" overdue and {day.due_today} due today.\n"
        "1. Read what is overdue or due today: `list_todos` with due_before today, sort due. Then what matters most of"
        " the rest: sort priority, the first page.\n"
        "2. Propose what I should do today: what is due, three things that matter and a few small ones, in an order,"
        " each with a reason of a few words. Tell me what can wait, and until when.\n"
        "3. Once I agree, set the dates and priorities that changed with one `update_todos`. Change nothing before."
    ]


def weekly_review(day: Day, _: NoArguments) -> list[str]:
    """Write the prompt that looks back on the week."""
    since = day.last_week_start
    return [
        f"Review my week with me: from {since:%A}, {since:%Y-%m-%d} to today, {day.words}.\n"
        f"1. How it went against the week before: `get_report` for the week of {since:%Y-%m-%d}.\n"
        f'2. What got done: `list_todos` with status done and completed_after "{since.isoformat()}".\n'
        "3. What is overdue, and what has been open longest: sort created, direction asc.\n"
        "4. Tell me in a few lines what I finished, what grew, and what has not moved.\n"
        "5. Go with me through what has not moved: give it a day, make it smaller, or drop it. Then make the changes"
        " that I agreed to, in one call of each tool, and tell me what you changed."
    ]


def brain_dump(day: Day, dump: Dump) -> list[str]:
    """Write the prompt that turns a text into todos; without a text, the agent asks for one."""
    source = "What follows is" if dump.text else "Ask me for"
    return [
        f"{source} everything on my mind; turn it into todos. It is {day.words}.\n"
        "1. One todo for each thing to do, its title beginning with a verb, details in the description, steps as its"
        " subtasks. Priority, due and repeat only where I said so, in my words. Leave out what is no task.\n"
        "2. `get_overview` names my lists and tags: use these, and make no new ones unasked.\n"
        "3. Look with `list_todos` and text whether I have it already; don't add it twice.\n"
        "4. Show me the todos first. Once I agree, add them with one `add_todos` for each 50.",
        *([dump.text] if dump.text else []),
    ]


PROMPTS: Final = {
    prompt.name: prompt
    for prompt in (
        Prompt(
            "Plan my day",
            "Choose what to do today: what is due, and what matters.",
            plan_my_day,
            (overview.get, todos.list_),
        ),
        Prompt(
            "Weekly review",
            "Look back on the week, and decide on what has not moved.",
            weekly_review,
            (overview.get, todos.list_, analytics.report),
        ),
        Prompt(
            "Brain dump",
            "Turn everything on your mind into todos.",
            brain_dump,
            (overview.get, todos.list_, todos.add),
            Dump,
        ),
    )
}


async def write(caller: Caller, name: str, arguments: dict[str, Any]) -> GetPromptResult:
    """Write a prompt for the caller's day.

    Args:
        caller: The person.
        name: Name of the prompt.
        arguments: Its arguments by name; None counts as left out.

    Raises:
        InvalidInput: There is no such prompt, or it does not take these arguments.
        InsufficientScope: The caller may not read todos.
    """
    prompt = PROMPTS.get(name)
    if prompt is None:
        known = FieldError("name", "is not a known prompt", [*PROMPTS], "not_found")
        raise InvalidInput("There is no such prompt.", errors=[known])
    try:
        checked = prompt.takes.model_validate({name: value for name, value in arguments.items() if value is not None})
    except ValidationError as error:
        raise refuse(error, prompt.takes) from None
    texts = prompt.write(await Day.of(caller), checked)
    messages = [PromptMessage(role="user", content=TextContent(type="text", text=text)) for text in texts]
    return GetPromptResult(description=prompt.words, messages=messages)
