"""Limit what uvicorn's HTTP/1.1 protocol takes, how long it waits, and for how many.

A request must arrive whole and in time, and its head must be small: uvicorn takes 20,000 headers, takes trailers for
headers, and waits for ever. What breaks a limit is refused before the application sees it; an answer that is being sent
is finished first. Nor does uvicorn end with one more connection than there are descriptors, or with a client that does
not take its answer (`readers.py`).

`uvicorn.protocols.http.httptools_impl` is not documented. It is subclassed all the same, because nothing public counts
and times what comes before there is a request: of uvicorn's settings one bounds the time between two requests, and one
the head where the other parser reads it (https://github.com/Kludex/uvicorn/issues/157, closed). `pyproject.toml`
bounds the version (decision 13). It may go when uvicorn has deadlines and limits of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Any, ClassVar, Final, Literal, NoReturn

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from http_edge import heads, problems, readers
from http_edge.origins import Origins, readable_by
from http_edge.pipelined import MAX_HELD_BYTES, PipelinedProtocol
from http_edge.places import Places, descriptors
from http_edge.repeated import only
from todo_core.log import structlog

Phase = Literal["between", "head", "body"]
"""Which part of a request comes next: none has begun, its head, or its body with the trailers."""

MAX_HEADERS: Final = 100
"""Headers of a request."""
MAX_HEAD_BYTES: Final = 16 * 1024
"""Bytes of the address, the headers and the trailers together."""
MAX_UNREADABLE_BYTES: Final = 32 * 1024
"""Bytes that may come without completing a header or a piece of the body."""
MAX_PIECES: Final = 10_000
"""Pieces in which a body comes: each of them is handed on by itself, however small it is."""
MAX_FRAMING_BYTES: Final = 64 * 1024
"""Bytes around the chunks of a body: their lengths, and extensions, which nobody reads (RFC 9112 §7.1.1)."""
HEAD_SECONDS: Final = 10.0
"""Seconds until the head has arrived, from the start of the connection or of the request."""
BODY_SECONDS: Final = 30.0
"""Seconds until the body has arrived, from the end of the head."""

_log = structlog.get_logger()


class LimitedProtocol(PipelinedProtocol):
    """One connection. uvicorn calls `data_received`, which calls `take`; the parser then calls the methods `on_…`."""

    head_seconds = HEAD_SECONDS
    body_seconds = BODY_SECONDS
    reader_seconds = readers.SECONDS
    places: ClassVar[Places] = Places(descriptors())
    """Those of the process: its descriptors are shared by every connection."""
    end_streams: ClassVar[Callable[[], None]] = staticmethod(lambda: None)
    """Ends the answers that last as long as their clients want."""
    origins: ClassVar[Origins] = Origins()
    """Origins whose pages may read what is refused here."""
    tellers: ClassVar[Sequence[Callable[[str], None]]] = ()
    """Are told, by its kind, of what is refused before it is a request."""

    _place: str | None = None
    """What was taken of `places`; None where nothing was left."""
    _answering: RequestResponseCycle | None = None
    """The request that is answered. uvicorn's `cycle` is the latest that came: of pipelined ones, another."""
    _reader: readers.Reader
    _phase: Phase = "between"
    _deadline: asyncio.TimerHandle | None = None
    """The timer of the present phase; None while nothing is waited for."""
    _head_bytes = 0
    """Bytes of the request's address, headers and trailers."""
    _hosts: tuple[bytes, ...] = ()
    _codings: tuple[bytes, ...] = ()
    """Values of the request's headers Host and Transfer-Encoding."""
    _unreadable_bytes = 0
    """Bytes since the last callback of the parser."""
    _understood_bytes = 0
    """Bytes of the latest chunk that reached a callback."""
    _pieces = 0
    """Pieces of the request's body."""
    _framing_bytes = 0
    """Bytes that came among them and are no part of them."""
    _completed = False
    """Whether the latest chunk completed a request."""
    _is_refused = False
    """Whether a limit was broken: everything that comes after is ignored."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the time for the first request's head; cut the client off if no place is left."""
        super().connection_made(transport)
        self._reader = readers.Reader(transport, self.loop, self.reader_seconds, self.tellers)
        self._place = self.places.take(self.client[0] if self.client else None)
        if self._place is None:
            _log.info("connection_refused")
            self._tell("connection_refused")
            transport.abort()
        else:
            self._allow(self.head_seconds)

    def shutdown(self) -> None:
        """Have streams end, of which uvicorn would wait for the end. It calls this for each connection when it stops.

        The application learns of the stop only when all connections are gone.
        """
        super().shutdown()
        type(self).end_streams()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the timers, give the place back, and tell whoever writes an answer that nobody reads it."""
        self._allow(None)
        self._reader.leave()
        if self._place is not None:
            self.places.leave(self._place)
        if self._answering is not None and not self._answering.response_complete:
            self._answering.disconnected = True
        super().connection_lost(exc)

    def take(self, piece: bytes) -> None:
        """Parse a piece, and check the limits after it; ignore what comes after a refusal."""
        if not self._is_refused:
            phase, self._understood_bytes, self._completed = self._phase, 0, False
            super().take(piece)
            self._watch(len(piece), phase)

    def hold(self) -> None:
        """Stop the time for what is here and not parsed yet; refuse it, if it grows all the same."""
        super().hold()
        self._allow(None)
        if len(self._held) > MAX_HELD_BYTES:
            self._refuse(problems.of_status(HTTPStatus.REQUEST_ENTITY_TOO_LARGE))

    def _watch(self, received: int, phase_before: Phase) -> None:
        """Set the timer for what must come next; refuse a request that grows without a callback.

        Args:
            received: Bytes of the chunk.
            phase_before: The phase in which it came.
        """
        if self._is_refused:
            return
        if self._phase == "between":
            self._watch_pause()
            return
        self._count_unreadable(received)
        if phase_before == self._phase == "body" and not self._completed:
            self._framing_bytes += received - self._understood_bytes
        if self._framing_bytes > MAX_FRAMING_BYTES:
            self._refuse(problems.of_status(HTTPStatus.REQUEST_ENTITY_TOO_LARGE))
        elif self._unreadable_bytes > MAX_UNREADABLE_BYTES:
            self._refuse(problems.of_status(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE))
        elif self._phase != phase_before or self._completed or self._deadline is None:
            # Another phase, or the same one of the next request. Within a phase the time runs on, however much comes.
            self._allow(self.head_seconds if self._phase == "head" else self.body_seconds)

    def _watch_pause(self) -> None:
        """Leave the pause after a request to the timer of pauses; set one if empty lines came, which end the pause."""
        if self._completed:
            self._allow(None)
        elif self._deadline is None:
            self._allow(self.head_seconds)

    def _count_unreadable(self, received: int) -> None:
        """Count bytes that reach no callback: a header, a trailer or a chunk extension that never ends."""
        if not self._understood_bytes:
            self._unreadable_bytes += received
        elif self._phase == "head":
            self._unreadable_bytes = received - self._understood_bytes
        else:
            self._unreadable_bytes = 0

    def on_message_begin(self) -> None:
        """Begin the counts of a request."""
        self.url, self.headers, self.expect_100_continue = b"", [], False
        self._phase, self._head_bytes, self._hosts, self._codings = "head", 0, (), ()
        self._pieces, self._framing_bytes = 0, 0

    def on_url(self, url: bytes) -> None:
        """Take a piece of the address."""
        self.url += url
        self._count(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; count a trailer, but drop it."""
        if self._phase == "head":  # a trailer is no header (RFC 9110 §6.5.1)
            lower = name.lower()
            self.headers.append((lower, value))
            if lower == b"host":
                self._hosts += (value,)
            elif lower == b"transfer-encoding":
                self._codings += (value,)
            elif lower == b"expect" and value.lower() == b"100-continue":
                self.expect_100_continue = True
        self._count(len(name) + len(value))

    def on_headers_complete(self) -> None:
        """Refuse a request whose version, host, target or end is in doubt (RFC 9112 §3.2, §6.1); else hand it on."""
        version, method = self.parser.get_http_version(), self.parser.get_method()
        host = self._hosts[0] if len(self._hosts) == 1 else None
        target = heads.origin_form(self.url, method, host)
        is_known = version in ("1.0", "1.1")
        if not is_known or len(self._hosts) > 1 or (host is None and version == "1.1") or target is None:
            self._stop(problems.MALFORMED_REQUEST)
        if self._codings and (problem := heads.problem_of_codings(self._codings, version)) is not None:
            self._stop(problem)
        if version == "1.0":
            self.expect_100_continue = False  # which did not exist (RFC 9110 §10.1.1)
        self._phase, self._understood_bytes = "body", self._understood_bytes + 1
        self.hand_on(method.decode(), target, version)

    def on_body(self, body: bytes) -> None:
        """Count a piece of the body, and hand it to the application; refuse one in too many pieces."""
        self._understood_bytes += len(body)
        self._pieces += 1
        if self._pieces > MAX_PIECES:
            self._stop(problems.of_status(HTTPStatus.REQUEST_ENTITY_TOO_LARGE))
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Note that the request is whole."""
        self._phase, self._completed = "between", True
        super().on_message_complete()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        """Note which request is answered."""
        self._answering = cycle
        super()._start_asgi_task(cycle, app)

    def on_response_complete(self) -> None:
        """Watch a client that has to take the rest before its connection is closed."""
        if self.expect_100_continue and self._answering is not None and self._answering.more_body:
            # It was not told to go on, so what it sends next may be the body or another request (RFC 9110 §10.1.1).
            self.transport.close()
        super().on_response_complete()
        if self.transport.is_closing():
            self._reader.watch()

    def timeout_keep_alive_handler(self) -> None:
        """Close the connection, once the client has taken everything."""
        super().timeout_keep_alive_handler()
        self._reader.watch()

    def pause_writing(self) -> None:
        """Keep the application from writing more, and watch the client that does not take what there is."""
        super().pause_writing()
        self._reader.watch()

    def resume_writing(self) -> None:
        """Let the application write more."""
        super().resume_writing()
        self._reader.leave()
        if self.transport.is_closing():
            self._reader.watch()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002  # ours is the same for every request
        """Refuse a request that the parser cannot read."""
        self._refuse(problems.MALFORMED_REQUEST)

    def _count(self, size: int) -> None:
        """Count bytes of the address, a header or a trailer; refuse a head that is too large."""
        self._understood_bytes += size
        self._head_bytes += size
        if self._head_bytes > MAX_HEAD_BYTES or len(self.headers) > MAX_HEADERS:
            self._stop(problems.of_status(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE))

    def _stop(self, problem: dict[str, Any]) -> NoReturn:
        """Refuse the request from a callback of the parser.

        Raises:
            ValueError: Always, which stops the parser.
        """
        self._refuse(problem)
        raise ValueError

    def _allow(self, seconds: float | None) -> None:
        """Refuse the request after these seconds, unless the next call comes first; None stops the timer."""
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = None if seconds is None else self.loop.call_later(seconds, self._too_late)

    def _too_late(self) -> None:
        self._refuse(problems.of_status(HTTPStatus.REQUEST_TIMEOUT))

    def _refuse(self, problem: dict[str, Any]) -> None:
        """Answer with a problem and close the connection; finish the answer to an earlier request first."""
        if self._is_refused or self.transport.is_closing():
            return
        self._is_refused = True
        self._allow(None)
        answering = self.cycle if self.cycle is not None and not self.cycle.response_complete else None
        if answering is not None and self._phase != "body":
            # It answers an earlier request, and closes the connection after its answer.
            answering.keep_alive = False
            return
        if answering is None or not answering.response_started:
            self._send(problem)
        if answering is not None:
            # It answers the request whose body is refused: the application sees that the client is gone.
            answering.disconnected = True
        self.transport.close()
        self._reader.watch()

    def _send(self, problem: dict[str, Any]) -> None:
        """Write an answer with a problem (RFC 9457), past uvicorn."""
        _log.info("request_refused", status=problem["status"], refused=problem["error_code"])
        self._tell(problem["error_code"])
        body = problems.as_json(problem)
        headers = {"content-type": problems.MEDIA_TYPE, "content-length": str(len(body)), "connection": "close"}
        origin = self._origin()
        if origin in self.origins:
            headers |= readable_by(origin)
        lines = [f"HTTP/1.1 {problem['status']} {problem['title']}", *(f"{name}: {headers[name]}" for name in headers)]
        self.transport.write("\r\n".join([*lines, "", ""]).encode() + body)

    def _origin(self) -> str:
        """Return where the page that asks is from, as far as that came; it may stand after what is too large."""
        headers = list(self.headers or [])
        if self._phase == "head":
            headers += heads.origins_in(self.at_hand())
        return (only([*dict.fromkeys(headers)], b"origin") or b"").decode("latin1")

    def _tell(self, kind: str) -> None:
        for tell in self.tellers:
            tell(kind)
