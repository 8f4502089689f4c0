"""The MCP server: our tools, prompts and resources over the SDK's low-level server."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from importlib.resources import files
from typing import Any, Final

from mcp import MCPError
from mcp.server import Server
from mcp_types import (
    CallToolRequestParams,
    CallToolResult,
    CompleteRequestParams,
    CompleteResult,
    EmptyResult,
    GetPromptRequestParams,
    GetPromptResult,
    InputRequiredResult,
    ListPromptsResult,
    ListResourcesResult,
    ListResourceTemplatesResult,
    ListToolsResult,
    ReadResourceRequestParams,
    ReadResourceResult,
    SubscribeRequestParams,
    SubscriptionsListenRequestParams,
    SubscriptionsListenResult,
    TextResourceContents,
    UnsubscribeRequestParams,
)

from http_edge.exchange import Exchange
from mcp_server import completions, confirmation, prompts, refusals, resources, sdk, subscriptions, tool_results, ways
from mcp_server.caller import Context, named, through
from mcp_server.toolbox import Tool
from mcp_server.tools import analytics, changes, lists, overview, search, tags, todos, users
from todo_core.boundary.caller import Caller
from todo_core.errors import ConfirmationRequired, FieldError, InvalidInput, TodoError
from todo_core.log import structlog
from todo_core.settings import ConfigurationError

FEATURES: Final = (todos, lists, tags, search, changes, overview, analytics, users)
INSTRUCTIONS: Final = files("mcp_server").joinpath("instructions.md").read_text(encoding="utf-8").strip()
_log = structlog.get_logger()


class TodoServer(Server[Any]):
    """Answers every request, of both protocol generations and over both transports, with the caller that it has.

    Over HTTP that is whom `mcp_server.http` found, in the exchange of the HTTP request; over a pipe it is always the
    same one.
    """

    def __init__(
        self,
        version: str,
        local: Caller | None = None,
        without: Collection[str] = (),
        message: sdk.OpenMessage | None = None,
    ) -> None:
        """Make a server.

        Args:
            version: The software's.
            local: The caller of what comes over a pipe.
            without: The names of tools that are left out.
            message: Is opened around each message, if traces are asked for.

        Raises:
            ConfigurationError: One of these is no tool.
        """
        super().__init__(
            "todo-mcp",
            title="Todos",
            version=version,
            instructions=INSTRUCTIONS,
            on_list_tools=self._list_tools,
            on_list_prompts=self._list_prompts,
            on_get_prompt=self._get_prompt,
            on_list_resources=self._list_resources,
            on_list_resource_templates=self._list_resource_templates,
            on_read_resource=self._read_resource,
            on_completion=self._complete,
            on_subscriptions_listen=self._listen,
            # Of the older generation, whose server-sent events we do not serve, a pipe alone can bring an update.
            on_subscribe_resource=None if local is None else self._subscribe,
            on_unsubscribe_resource=None if local is None else self._unsubscribe,
        )
        self.add_request_handler("tools/call", CallToolRequestParams, self._call_tool)
        # Not the SDK's own, which traces what clients send: names of tools that there are none of, and ids.
        self.middleware[:] = [sdk.refuse_state(self.name), sdk.arguments_as_an_object]
        if message is not None:
            self.middleware.insert(0, sdk.opened(message, self._kind))
        tools = {tool.listed.name: tool for feature in FEATURES for tool in feature.tools.tools}
        if not {*without} <= tools.keys():
            raise ConfigurationError(f"TODO_MCP_WITHOUT takes names of tools: {', '.join(tools)}")
        self._tools = {name: tool for name, tool in tools.items() if name not in without}
        self._local = local
        self._subscriptions = subscriptions.Subscriptions()

    def _kind(self, method: str, name: object) -> str:
        """Return what a message is, in words of ours: its method, and the tool if there is such a one."""
        if method == "tools/call":
            return f"{method} {name}" if name in self._tools else method
        return method if self.get_request_handler(method) or self.get_notification_handler(method) else "message"

    async def run_stdio(self) -> None:
        """Serve until standard input ends."""
        try:
            await sdk.run_stdio(self)
        finally:
            self._subscriptions.close()

    def _exchange(self, context: Context) -> Exchange:
        """Return the exchange of a request, which learns its method; of one that came over a pipe, a new one."""
        if context.request is not None:
            exchange = Exchange.of(context.request.scope)
            exchange.asked = exchange.asked or context.method
            if exchange.caller is not None:
                exchange.caller = named(exchange.caller, context)
            return exchange
        exchange = Exchange()
        if self._local is not None:
            exchange.caller = named(replace(self._local, told=exchange), context)
        return exchange

    async def _list_tools(self, context: Context, _: object) -> ListToolsResult:
        """List the tools that token and mandate of the caller allow (ID4), if the caller may act at all."""
        caller = await self._checked(context)
        allowed = [tool.listed_for(caller) for tool in self._tools.values() if tool.is_for(caller)]
        return ListToolsResult(tools=allowed)

    async def _call_tool(self, context: Context, params: CallToolRequestParams) -> dict[str, Any] | InputRequiredResult:
        """Run a tool. A refusal becomes an `isError` result with code, field and next step (MC4)."""
        result = await self._result(context, params)
        return tool_results.on_the_wire(result) if isinstance(result, CallToolResult) else result

    async def _result(self, context: Context, params: CallToolRequestParams) -> CallToolResult | InputRequiredResult:
        tool = self._tools.get(params.name)
        if tool is None:
            names, nearest = ways.nearest_first(params.name, sorted(self._tools))
            known = FieldError("name", f"is not a known tool{nearest}", names, "not_found")
            unknown = InvalidInput("There is no such tool.", errors=[known])
            return tool_results.refusal(await self._exchange(context).counted(unknown))
        arguments = params.arguments or {}
        try:
            return await self._run(tool, context, arguments)
        except ConfirmationRequired as needed:
            answer = await confirmation.ask(needed, context, params.input_responses)
            if answer is not None:
                self._exchange(context).note(needed)
                return answer
            return await self._run_confirmed(tool, context, {**arguments, "confirm": True, "count": needed.count})

    async def _run_confirmed(self, tool: Tool, context: Context, agreed: dict[str, Any]) -> CallToolResult:
        """Run a tool to which a person agreed in a form. Where it would do more by now, nothing is done."""
        try:
            return await self._run(tool, context, agreed, confirmed_by="in a form")
        except ConfirmationRequired as changed:
            self._exchange(context).note(changed)
            return tool_results.refusal(changed)

    async def _run(
        self, tool: Tool, context: Context, arguments: dict[str, Any], confirmed_by: str | None = None
    ) -> CallToolResult:
        exchange = self._exchange(context)
        exchange.asked = tool.listed.name
        try:
            caller = through(tool.listed.name, exchange.require_caller(), confirmed_by)
            result = await tool.call(caller, arguments)
        except (MCPError, ConfirmationRequired):
            raise
        except TodoError as error:
            refusal = await exchange.counted(error)
            refusals.note(refusal, exchange)
            result = tool_results.refusal(refusal)
        except Exception as error:
            exchange.note(error)
            _log.error("tool_crashed", tool=tool.listed.name, exc_info=error)
            return tool_results.crash()
        return ways.with_ways(result, arguments, tool.arguments.schema)

    async def _list_prompts(self, context: Context, _: object) -> ListPromptsResult:
        """List the prompts of which token and mandate of the caller allow every step."""
        caller = await self._checked(context)
        return ListPromptsResult(prompts=[kind.listed() for kind in prompts.PROMPTS.values() if kind.is_for(caller)])

    async def _get_prompt(self, context: Context, params: GetPromptRequestParams) -> GetPromptResult:
        """Write a prompt for the caller's day."""
        exchange = self._exchange(context)
        async with refusals.as_rpc_errors(context.method, exchange):
            return await prompts.write(exchange.require_caller(), params.name, params.arguments or {})

    async def _list_resources(self, context: Context, _: object) -> ListResourcesResult:
        """List what token and mandate of the caller allow to read at an address of its own."""
        caller = await self._checked(context)
        found = [kind.listed() for kind in resources.KINDS if not kind.is_template and kind.is_for(caller)]
        return ListResourcesResult(resources=found)

    async def _list_resource_templates(self, context: Context, _: object) -> ListResourceTemplatesResult:
        """List what token and mandate of the caller allow to read at an address with an id."""
        caller = await self._checked(context)
        found = [kind.listed_template() for kind in resources.KINDS if kind.is_template and kind.is_for(caller)]
        return ListResourceTemplatesResult(resource_templates=found)

    async def _read_resource(self, context: Context, params: ReadResourceRequestParams) -> ReadResourceResult:
        """Read what is at an address."""
        exchange = self._exchange(context)
        async with refusals.as_rpc_errors(context.method, exchange):
            text = await resources.read(exchange.require_caller(), str(params.uri))
        content = TextResourceContents(uri=params.uri, text=text, mime_type=resources.MEDIA_TYPE)
        return ReadResourceResult(contents=[content])

    async def _listen(self, context: Context, params: SubscriptionsListenRequestParams) -> SubscriptionsListenResult:
        """Tell of changes until the client goes."""
        exchange = self._exchange(context)
        async with refusals.as_rpc_errors(context.method, exchange, refusals.EVERY):
            return await subscriptions.listen(exchange.require_caller(), context, params)

    async def _subscribe(self, context: Context, params: SubscribeRequestParams) -> EmptyResult:
        """Tell of changes at an address."""
        exchange = self._exchange(context)
        async with refusals.as_rpc_errors(context.method, exchange):
            await self._subscriptions.add(exchange.require_caller(), context, str(params.uri))
        return EmptyResult()

    async def _unsubscribe(self, _: Context, params: UnsubscribeRequestParams) -> EmptyResult:
        """Tell of changes at an address no more."""
        self._subscriptions.remove(str(params.uri))
        return EmptyResult()

    async def _complete(self, context: Context, params: CompleteRequestParams) -> CompleteResult:
        """Offer ids by what a person typed."""
        exchange = self._exchange(context)
        async with refusals.as_rpc_errors(context.method, exchange):
            found = await completions.complete(exchange.require_caller(), params.ref, params.argument)
        return CompleteResult(completion=found)

    async def _checked(self, context: Context) -> Caller:
        """Return the caller of a request that runs no operation: of such a one HTTP answers every refusal itself.

        Raises:
            MCPError: The caller may not act.
        """
        exchange = self._exchange(context)
        async with refusals.as_rpc_errors(context.method, exchange, refusals.EVERY):
            caller = exchange.require_caller()
            return await caller.check()
