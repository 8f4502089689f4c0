"""Traces: from an agent's call to its SQL, with nothing in them that anybody wrote (OP3)."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import httpx2
import pytest
from opentelemetry import context as contexts
from opentelemetry import trace
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from tests.app.clients import call, over_http
from tests.app.program import Program, free_port
from tests.faces import ADDRESS, BASE
from tests.tables import each
from todo_app.application import NOTHING, Application, build
from todo_app.measuring import otel_settings
from todo_app.measuring.traces import Traces, statement_names
from todo_core.settings import ConfigurationError, Settings

PLANTED = "Planted-Title-8dc1"
TRACE = 0x4BF92F3577B34DA6A3CE929D0E0E4736
PARENT = 0x00F067AA0BA902B7
TRACEPARENT = f"00-{TRACE:032x}-{PARENT:016x}-01"
SECONDS = 8.0
"""More than a request or an end takes on a busy machine, and less than the ten for which a collector is waited for."""


@dataclass
class Seen:
    """An application whose spans are kept, and its user's token."""

    application: Application
    exporter: InMemorySpanExporter
    token: str

    def http(self, **headers: str) -> httpx2.AsyncClient:
        transport = httpx2.ASGITransport(app=self.application)
        bearer = {"Authorization": f"Bearer {self.token}"}
        return httpx2.AsyncClient(transport=transport, base_url=BASE, headers=bearer | headers)

    @property
    def spans(self) -> list[ReadableSpan]:
        return list(self.exporter.get_finished_spans())


@pytest.fixture
async def seen(settings: Settings, database_url: str) -> AsyncIterator[Seen]:
    from todo_app.local import acting_for, create_token

    exporter = InMemorySpanExporter()
    traces = Traces(SimpleSpanProcessor(exporter))
    async with acting_for(settings, database_url, "traced") as me:
        made = await create_token(me, "traced", ["todos:read", "todos:write"], None)
    application = build(settings, database_url, ADDRESS, watch=traces.also(NOTHING))
    async with application.running():
        yield Seen(application, exporter, str(made["token"]))


def ancestors(span: ReadableSpan, spans: list[ReadableSpan]) -> list[str]:
    """The names of a span and those around it, from the inside."""
    by_id = {other.context.span_id: other for other in spans if other.context}
    names = [span.name]
    while span.parent is not None and (around := by_id.get(span.parent.span_id)) is not None:
        names.append(around.name)
        span = around
    return names


@pytest.mark.requirement("OP3")
async def test_a_trace_leads_from_an_agents_call_to_its_sql(seen: Seen) -> None:
    from mcp import Client
    from mcp.client.streamable_http import streamable_http_client

    around = trace.SpanContext(TRACE, PARENT, is_remote=True, trace_flags=trace.TraceFlags(1))
    token = contexts.attach(trace.set_span_in_context(trace.NonRecordingSpan(around)))  # the agent's own span
    try:
        async with (
            seen.http() as http,
            Client(streamable_http_client(f"{BASE}/mcp", http_client=http), mode="2026-07-28") as client,
        ):
            await call(client, "add_todos", todos=[{"title": PLANTED, "tags": [PLANTED]}])
            await client.call_tool(PLANTED, {PLANTED: PLANTED})
    finally:
        contexts.detach(token)

    spans = seen.spans
    (insert,) = (span for span in spans if span.name == "adding.ADD")
    assert ancestors(insert, spans) == ["adding.ADD", "todos.add", "tools/call add_todos"]
    (message,) = (span for span in spans if span.name == "tools/call add_todos")
    assert message.parent is not None
    assert (message.parent.trace_id, message.parent.span_id) == (TRACE, PARENT), "the trace of the agent goes on"
    (link,) = message.links
    (request,) = (span for span in spans if span.context and span.context.span_id == link.context.span_id)
    assert (request.name, (request.attributes or {})["todo.tool"]) == ("POST /mcp", "add_todos")
    of_it = [span.name for span in spans if span.context and span.context.trace_id == TRACE]
    assert {"BEGIN", "COMMIT", "changes.RECORD"} <= {*of_it}
    assert (insert.attributes or {})["db.query.text"] == next(
        sql for sql, name in statement_names().items() if name == "adding.ADD"
    )
    assert not [span.to_json() for span in spans if PLANTED in span.to_json()]
    assert not [span.to_json() for span in spans if seen.token[5:] in span.to_json()]


@pytest.mark.requirement("OP3")
async def test_a_request_goes_on_with_the_trace_of_its_headers_and_says_what_it_came_to(seen: Seen) -> None:
    async with seen.http() as http:
        await http.get(f"/api/v1/todos?text={PLANTED}", headers={"traceparent": TRACEPARENT, "X-Request-Id": "mine"})
        await http.get("/api/v1/todos/4711", headers={"traceparent": "00-nonsense"})
        await http.get(f"/{PLANTED}", headers=[("traceparent", TRACEPARENT), ("traceparent", TRACEPARENT)])
        await http.get("/api/v1/todos", headers={"Authorization": f"Bearer {PLANTED}"})
    spans = seen.spans
    listed, unknown, nowhere, stranger = (span for span in spans if span.kind is trace.SpanKind.SERVER)

    assert listed.name == "GET /api/v1/todos"
    assert listed.parent is not None
    assert (listed.parent.trace_id, listed.parent.span_id) == (TRACE, PARENT)
    attributes = listed.attributes or {}
    assert (attributes["http.response.status_code"], attributes["todo.request_id"]) == (200, "mine")
    assert str(attributes["enduser.id"]).isdecimal()
    assert (unknown.name, (unknown.attributes or {})["error.type"]) == (
        "GET /api/v1/todos/{todo_id:member}",
        "not_found",
    )
    assert unknown.parent is None
    assert (nowhere.name, nowhere.parent) == ("GET none", None)
    assert (stranger.attributes or {})["error.type"] == "unauthenticated"
    assert not [span.to_json() for span in spans if PLANTED in span.to_json()]


@dataclass
class Sink:
    """Takes spans by OTLP."""

    port: int
    spans: list[Span] = field(default_factory=list)
    services: set[str] = field(default_factory=set)


@contextmanager
def sink() -> Iterator[Sink]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                found.services |= {
                    a.value.string_value for a in resource.resource.attributes if a.key == "service.name"
                }
                for scope in resource.scope_spans:
                    found.spans += scope.spans
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found = Sink(server.server_port)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.requirement("OP3")
def test_serve_sends_traces_where_the_usual_variables_say(program: Program) -> None:
    with sink() as collector:
        endpoint = f"http://127.0.0.1:{collector.port}"
        with program.configured(OTEL_EXPORTER_OTLP_ENDPOINT=endpoint).serve() as serving:

            async def tools() -> None:
                async with over_http(f"{serving.url}/mcp", serving.token, "legacy") as client:
                    await call(client, "add_todos", todos=[{"title": PLANTED}])

            asyncio.run(tools())
            assert serving.stop() == 0
        assert {"POST /mcp", "tools/call add_todos", "todos.add", "adding.ADD_PLAIN"} <= {
            s.name for s in collector.spans
        }
        assert collector.services == {"todo-mcp"}
        assert PLANTED not in str(collector.spans)


@pytest.mark.requirement("OP3", "OP4")
def test_a_collector_that_is_down_or_hangs_slows_no_request_and_no_end(program: Program) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        token = None
        for port in (silent.getsockname()[1], free_port()):
            more = {"OTEL_BSP_SCHEDULE_DELAY": "50", "OTEL_BSP_MAX_QUEUE_SIZE": "512"}
            with program.configured(
                OTEL_TRACES_EXPORTER="otlp", OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{port}", **more
            ).serve() as serving:
                token = token or serving.token  # shown at the first start only
                with serving.http(token) as http:
                    for _ in range(20):
                        began = time.monotonic()
                        assert http.get("/api/v1/todos").status_code == 200
                        assert time.monotonic() - began < SECONDS
                began = time.monotonic()
                assert serving.stop() == 0
                assert time.monotonic() - began < SECONDS


@pytest.mark.requirement("OP2", "OP3")
@each(
    ("variable", "value"),
    [
        ("OTEL_TRACES_EXPORTER", "console,otlp"),
        ("OTEL_SDK_DISABLED", "yes"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector.example.test:4318"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://host:port/v1/traces"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/json"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "authorization"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "soon"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "zstd"),
        ("OTEL_RESOURCE_ATTRIBUTES", "production"),
        ("OTEL_TRACES_SAMPLER", "sometimes"),
        ("OTEL_TRACES_SAMPLER_ARG", "2"),
        ("OTEL_TRACES_SAMPLER_ARG", "nan"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "-1"),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "4096"),
        ("OTEL_PROPAGATORS", "tracecontext,jaeger"),
        ("OTEL_PYTHON_CONTEXT", "junk"),
        ("OTEL_PYTHON_TRACER_PROVIDER", "junk"),
        ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "junk"),
    ],
)
def test_a_wrong_variable_is_refused_by_name(variable: str, value: str) -> None:
    asked = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318", variable: value}
    with pytest.raises(ConfigurationError) as refused:
        otel_settings.check(asked)
    (line,) = str(refused.value).splitlines()
    assert variable in line
    assert value not in line


@pytest.mark.requirement("OP3")
@each(
    ("environment", "is_asked"),
    [
        ({}, False),
        ({"OTEL_SERVICE_NAME": "todos"}, False),
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc", "OTEL_METRICS_EXPORTER": "otlp"}, False),
        ({"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"}, False),
        ({"OTEL_SDK_DISABLED": "True", "OTEL_TRACES_EXPORTER": "otlp"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": ""}, False),
        ({"OTEL_TRACES_EXPORTER": "otlp", "OTEL_SDK_DISABLED": "false"}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "https://c/v1/traces", "OTEL_PROPAGATORS": "tracecontext"}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318", "OTEL_EXPORTER_OTLP_HEADERS": "a=b%20c, d=e="}, True),
    ],
)
def test_traces_are_made_where_they_are_asked_for(environment: dict[str, str], is_asked: bool) -> None:
    assert otel_settings.check(environment) is is_asked
