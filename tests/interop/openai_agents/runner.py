"""Agents of the OpenAI Agents SDK with a scripted model: a run comes in as a line of JSON, what it did goes out.

It runs in an environment of its own. A run is one request of a person to an agent, which keeps its conversation from
run to run. Its script has a turn of the model for each time that the SDK asks it: a list of tool calls, or what ends
the run, a text. The model knows the conversation and nothing else: `{"$answer": POINTER}` in a turn is a JSON Pointer
(RFC 6901) into the list of answers that tools gave in it; `*` in place of an index takes every item.

A run without turns goes to a real model, `model`, which is told the server's instructions, too.
"""

from __future__ import annotations

import asyncio
import json
import sys
import traceback
from collections.abc import AsyncIterator
from typing import Any

from agents import Agent, Model, ModelResponse, Runner, Usage, set_tracing_disabled
from agents.exceptions import AgentsException
from agents.mcp import MCPServerStreamableHttp
from openai.types.responses import ResponseFunctionToolCall, ResponseOutputMessage, ResponseOutputText

Items = list[Any]
"""A conversation, or a part of it, in the format of OpenAI's Responses."""
MOST_TURNS = 15
"""Of a real model in one run."""


def answer_of(item: Any) -> Any:
    """What a tool told the model: JSON, or a text where the SDK speaks for the server."""
    told = item["output"]
    if isinstance(told, list):
        (told,) = (part["text"] for part in told)
    try:
        return json.loads(told)
    except ValueError:
        return told


def at(pointer: list[str], value: Any) -> Any:
    """What a JSON Pointer leads to."""
    if not pointer:
        return value
    step, *rest = pointer
    if step == "*":
        return [at(rest, one) for one in value]
    return at(rest, value[int(step)] if isinstance(value, list) else value[step])


def resolved(script: Any, answers: list[Any]) -> Any:
    """A part of a script, with what the model was told in place of each pointer."""
    match script:
        case {"$answer": pointer}:
            try:
                return at(pointer.split("/")[1:], answers)
            except LookupError:
                raise LookupError(f"no tool told anything at {pointer}: {answers}") from None
        case dict():
            return {name: resolved(one, answers) for name, one in script.items()}
        case list():
            return [resolved(one, answers) for one in script]
    return script


class Scripted(Model):
    """A model that says what a script has it say."""

    def __init__(self, turns: list[Any]) -> None:
        self._turns = iter(turns)
        self.shown: set[str] = set()

    async def get_response(self, *_: Any, **asked: Any) -> ModelResponse:
        self.shown |= {tool.name for tool in asked["tools"]}
        answers = [answer_of(item) for item in asked["input"] if item.get("type") == "function_call_output"]
        turn = resolved(next(self._turns), answers)
        output: Items = []
        if isinstance(turn, list):
            output = [
                ResponseFunctionToolCall(
                    type="function_call",
                    call_id=f"call-{number}",
                    name=call["tool"],
                    arguments=json.dumps(call["arguments"]),
                )
                for number, call in enumerate(turn, start=len(answers))
            ]
        else:
            text = ResponseOutputText(type="output_text", text=str(turn), annotations=[])
            output = [
                ResponseOutputMessage(
                    id="message", type="message", role="assistant", status="completed", content=[text]
                )
            ]
        return ModelResponse(output=output, usage=Usage(), response_id=None)

    def stream_response(self, *_: Any, **__: Any) -> AsyncIterator[Any]:
        raise NotImplementedError


def calls_in(items: Items) -> list[dict[str, Any]]:
    """Each tool call of a conversation, with what it was told."""
    answers = {item["call_id"]: answer_of(item) for item in items if item.get("type") == "function_call_output"}
    return [
        {"tool": item["name"], "arguments": json.loads(item["arguments"]), "answer": answers.get(item["call_id"])}
        for item in items
        if item.get("type") == "function_call"
    ]


async def prompt_of(server: MCPServerStreamableHttp, name: str) -> str:
    """The text of a prompt, as a client puts it into the conversation."""
    contents: list[Any] = [message.content for message in (await server.get_prompt(name)).messages]
    return "\n".join(content.text for content in contents)


async def run(wanted: dict[str, Any], conversation: Items) -> dict[str, Any]:
    """Let an agent do what a person says, and add it to the conversation."""
    turns = wanted["turns"]
    model = wanted["model"] if turns is None else Scripted(turns)
    told: dict[str, Any]
    params: Any = {"url": wanted["url"], "headers": {"Authorization": f"Bearer {wanted['token']}"}}
    async with MCPServerStreamableHttp(
        name="todos", params=params, cache_tools_list=True, client_session_timeout_seconds=wanted["timeout"]
    ) as server:
        said = await prompt_of(server, wanted["prompt"]) if wanted["prompt"] else wanted["said"]
        instructions = "You work the user's todos."
        if turns is None and server.session is not None:  # the SDK hands them to no model by itself
            instructions = server.session.instructions or instructions
        agent = Agent(name="Assistant", instructions=instructions, model=model, mcp_servers=[server])
        asked = [*conversation, {"role": "user", "content": said}]
        try:
            result = await Runner.run(agent, asked, max_turns=MOST_TURNS if turns is None else len(turns))
        except AgentsException as error:
            told = {"calls": [], "text": f"{type(error).__name__}: {error}"}
        else:
            told = {"calls": calls_in(result.to_input_list()[len(asked) :]), "text": result.final_output}
            conversation[:] = result.to_input_list()
    return {"said": said, "shown": sorted(model.shown) if isinstance(model, Scripted) else [], **told}


async def main() -> None:
    set_tracing_disabled(disabled=True)
    conversations: dict[str, Items] = {}
    while line := await asyncio.to_thread(sys.stdin.readline):
        wanted = json.loads(line)
        try:
            told = await run(wanted, conversations.setdefault(wanted["token"], []))
        except Exception as error:  # the next story may go better
            traceback.print_exc()
            told = {"failed": f"{type(error).__name__}: {error}"}
        print(json.dumps(told), flush=True)


asyncio.run(main())
