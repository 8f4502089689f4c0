"""What people say leads to the right tool, by the words of the tools alone (`requests.toml`)."""

from __future__ import annotations

import tomllib
from itertools import chain, product
from pathlib import Path
from typing import Any, Final, Literal

import pytest

from mcp_server.server import FEATURES
from tests.agents.ranking import Ranking
from tests.mcp.test_listing import NAMES

pytestmark = pytest.mark.requirement("MC11")

Kind = Literal["golden", "held_out", "unseen"]
REQUESTS: Final[dict[str, dict[Kind, list[str]]]] = tomllib.loads(
    Path(__file__).with_name("requests.toml").read_text(encoding="utf-8")
)
NOTHING: Final = REQUESTS.pop("nothing")
FIRST: Final = 3


@pytest.fixture(scope="module")
def ranking() -> Ranking:
    """All tools, as they are listed."""
    tools: list[dict[str, Any]] = [
        tool.listed.model_dump(by_alias=True, mode="json") for feature in FEATURES for tool in feature.tools.tools
    ]
    return Ranking(tools)


def missed(ranking: Ranking, kind: Kind) -> list[str]:
    """Return the requests for which the right tool is not among the first, with those that are."""
    found = []
    for tool, requests in REQUESTS.items():
        for request in requests[kind]:
            first = ranking.of(request)[:FIRST]
            if tool not in [name for name, score in first if score > 0]:
                found.append(f"{tool}: {request!r} leads to {first}")
    return found


def test_sixty_golden_requests_mean_every_tool_or_none() -> None:
    assert REQUESTS.keys() == NAMES
    assert sum(len(requests["golden"]) for requests in REQUESTS.values()) == 50
    assert len(NOTHING["golden"]) == 10


def test_the_right_tool_is_among_the_first_three_for_every_golden_request(ranking: Ranking) -> None:
    assert missed(ranking, "golden") == []


def test_the_descriptions_hold_for_requests_that_they_were_not_written_for(ranking: Ranking) -> None:
    assert sum(len(requests["held_out"]) for requests in REQUESTS.values()) == 40
    assert len(missed(ranking, "held_out")) <= 2


def test_nine_of_ten_requests_that_nobody_wrote_descriptions_for_lead_to_the_right_tool(ranking: Ranking) -> None:
    assert sum(len(requests["unseen"]) for requests in REQUESTS.values()) == 117
    assert len(missed(ranking, "unseen")) <= 10


@pytest.mark.parametrize("kind", ["golden", "held_out"])
def test_what_means_no_tool_scores_less_than_what_means_one(ranking: Ranking, kind: Kind) -> None:
    """Of all pairs, for scores of short and long requests cannot be compared with one limit."""
    best = {tool: [ranking.of(request)[0][1] for request in requests[kind]] for tool, requests in REQUESTS.items()}
    pairs = [*product(chain.from_iterable(best.values()), [ranking.of(request)[0][1] for request in NOTHING[kind]])]

    assert sum(meant > other for meant, other in pairs) / len(pairs) > 0.85
