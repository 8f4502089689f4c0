"""What a person's agents did since the person last looked."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field

from todo_core.models.changes import ChangeId, ChangeRead
from todo_core.models.fields import Input, Output

MOST_AGENTS: Final = 20
"""Agents of which a review tells."""
MOST_CHANGES: Final = 20
"""Changes of an agent that a review shows, the latest."""


class DoneCount(Output):
    """How often an agent did something."""

    operation: Annotated[str, Field(description="What was done, by its own verb: `todos.add`.")]
    changes: Annotated[int, Field(description="How many changes.")]


class AgentReview(Output):
    """What an agent did since the person last looked."""

    agent_id: Annotated[int, Field(description="The agent.")]
    name: Annotated[str, Field(description="What it is called.")]
    waiting: Annotated[int, Field(description="Its proposals that wait.")]
    done: Annotated[list[DoneCount], Field(description="What it did, what it did most often first.")]
    changes: Annotated[
        list[ChangeRead], Field(description="Its latest changes, up to 20, with the titles of the rows they touched.")
    ]
    more_changes: Annotated[int, Field(description="How many earlier ones there are: `GET /changes?agent=…`.")]


class ReviewRead(Output):
    """What agents did since the person last looked, by agent."""

    reviewed_through: Annotated[int, Field(description="The last change that the person has reviewed; 0 for none.")]
    through: Annotated[int, Field(description="The newest change, which `POST /review` takes.")]
    agents: Annotated[list[AgentReview], Field(description="Who did something, or proposes it: the first 20.")]
    more_agents: Annotated[int, Field(description="How many agents more there are.")]


class ReviewMark(Input):
    """Up to where a person has reviewed what agents did."""

    through: ChangeId
