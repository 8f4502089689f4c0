"""Calendar addresses over HTTP: who makes one, what is at it, and that nobody hears of its secret."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import jwt
import pytest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from structlog.testing import capture_logs

from tests.faces import ADDRESS, http_client
from tests.rest.problems import problem
from tests.support import AUDIENCE, ISSUER, JWT_SECRET
from todo_app import request_log
from todo_app.application import Application, Watch, build
from todo_app.measuring.traces import Traces
from todo_core.boundary.caller import Caller
from todo_core.models.calendars import CalendarCreate
from todo_core.operations import calendars
from todo_core.settings import Settings

pytestmark = pytest.mark.requirement("LT4")

CALENDARS = "/api/v1/calendars"


def session() -> str:
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": uuid4().hex, "exp": datetime.now(UTC) + timedelta(hours=1)}
    return jwt.encode(claims, JWT_SECRET, "HS256")


async def test_an_address_is_made_read_and_revoked(app: Application) -> None:
    due = str(datetime.now(UTC).date() + timedelta(days=1))
    async with http_client(app, session()) as me, http_client(app, None) as anybody:
        for n in range(20):
            await me.post("/api/v1/todos", json={"title": f"milk {n}", "due": due})
        made = await me.post(CALENDARS, json={"name": " phone "})
        address = made.json()["address"]
        assert (made.status_code, made.headers["cache-control"], made.json()["name"]) == (201, "no-store", "phone")
        assert address not in (await me.get(CALENDARS)).text
        assert address not in (await me.get(f"/api/v1/changes/{made.headers['change-id']}")).text

        whole = await anybody.get(address)
        assert (whole.status_code, whole.headers["content-type"]) == (200, "text/calendar; charset=utf-8")
        assert whole.headers["cache-control"].startswith("private")
        assert whole.headers["content-encoding"] == "gzip"
        assert whole.text.count("BEGIN:VEVENT") == 20
        again = await anybody.get(address, headers={"If-None-Match": whole.headers["etag"]})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", whole.headers["etag"])
        head = await anybody.head(address, headers={"Accept-Encoding": "identity"})
        assert (head.status_code, head.content, head.headers["etag"]) == (200, b"", whole.headers["etag"])
        for method in ("PUT", "POST", "DELETE"):
            problem(await anybody.request(method, address), 405, "method_not_allowed")

        gone = await me.delete(f"{CALENDARS}/{made.json()['id']}")
        assert gone.status_code == 204
        answers = [await anybody.get(path) for path in (address, "/calendar/x.ics", f"/calendar/{uuid4().hex}.ics")]
        for answer in answers:
            problem(answer, 404, "not_found")
        texts = {answer.text.replace(answer.headers["x-request-id"], "") for answer in answers}
        assert len(texts) == 1, "nothing tells that there was one"
        assert (await me.get(CALENDARS)).json()["items"][0]["revoked_at"]


@pytest.fixture
def watched(settings: Settings, database_url: str) -> tuple[Application, InMemorySpanExporter]:
    """An application whose log is written to standard error, and whose spans are kept."""
    exporter = InMemorySpanExporter()
    watch = Traces(SimpleSpanProcessor(exporter)).also(Watch([request_log.RequestLog("debug")]))
    return build(settings, database_url, ADDRESS, watch=watch), exporter


async def test_the_secret_is_in_no_line_of_the_log_and_in_no_span(
    watched: tuple[Application, InMemorySpanExporter],
    ann: Caller,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    application, exporter = watched
    secret = (await ann.perform(calendars.create, CalendarCreate(name="x"))).secret
    assert secret is not None
    caplog.set_level("DEBUG")

    def broken(*_: object) -> bytes:
        raise RuntimeError(secret)

    with capture_logs() as events:
        async with application.running(), http_client(application, None) as anybody:
            for path in (secret, secret + "x", secret[:-1], "ü" + secret):
                await anybody.get(f"/calendar/{path}.ics")
            await anybody.post(f"/calendar/{secret}.ics", content=b"{")
            await anybody.get(f"/calendar/{secret}")
            monkeypatch.setattr("todo_core.rules.calendars.calendar_of", broken)
            assert (await anybody.get(f"/calendar/{secret}.ics")).status_code == 500

    lines, spans = capsys.readouterr().err, "".join(span.to_json() for span in exporter.get_finished_spans())
    assert '"route":"/calendar/{secret}.ics"' in lines
    assert "GET /calendar/{secret}.ics" in spans
    ours = [{name: value for name, value in event.items() if name != "exc_info"} for event in events]
    for told in (lines, spans, repr(ours)):
        assert secret[:-1] not in told
    # The clients of these tests log addresses; of the server's libraries none does.
    assert secret[:-1] not in "".join(r.getMessage() for r in caplog.records if not r.name.startswith("httpx"))


async def test_requests_are_counted_by_address(app: Application, monkeypatch: pytest.MonkeyPatch) -> None:
    from http_edge.strangers import Strangers

    monkeypatch.setattr(app, "_strangers", Strangers("2/hour"))
    async with http_client(app, None) as anybody:
        for status in (404, 404, 429):
            assert (await anybody.get("/calendar/x.ics")).status_code == status


async def test_an_account_is_deleted_in_two_steps(app: Application) -> None:
    token = session()
    async with http_client(app, token) as me:
        await me.post("/api/v1/todos", json={"title": "milk"})
        address = (await me.post(CALENDARS, json={"name": "x"})).json()["address"]
        told = (await me.delete("/api/v1/users/me")).json()
        assert (told["is_deleted"], told["held"]["todos"]) == (False, 1)
        problem(await me.delete("/api/v1/users/me", params={"code": "x"}), 422, "invalid_input")
        assert (await me.get("/api/v1/todos")).json()["total"] == 1

        done = await me.delete(
            "/api/v1/users/me", params={"code": told["code"]}, headers={"Idempotency-Key": uuid4().hex}
        )
        assert (done.status_code, done.json()["is_deleted"]) == (200, True)
        async with http_client(app, None) as anybody:
            assert (await anybody.get(address)).status_code == 404
        for _ in range(2):
            problem(await me.get("/api/v1/todos"), 401, "unauthenticated")
