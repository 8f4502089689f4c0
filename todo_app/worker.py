"""The application of one process that serves, made from what `todo_app.serve` put into the environment."""

from __future__ import annotations

import gc
import json
import os
from typing import Final

from http_edge.origins import Origins
from http_edge.places import Places, descriptors
from http_edge.protocol import LimitedProtocol
from rest_api import documents, health
from todo_app import logs, request_log
from todo_app.address import Address, Only
from todo_app.application import Application, Watch, build
from todo_app.draining import drain_on_sigterm
from todo_app.measuring import otel_settings
from todo_app.measuring.metrics import Metrics
from todo_app.serve import ADDRESS, ONLY
from todo_app.workers import end_with_parent
from todo_core.notations import parse_networks
from todo_core.settings import Settings

_YOUNG: Final = 10_000
"""How many objects more there may be before Python looks for cycles among the young ones: a few requests have its usual
700 in use at the same time, and nearly all of them go without being looked for."""


def application() -> Application:
    """Make the application of one worker process, from the environment that `run` set."""
    settings = Settings.load()
    assert settings.database_url is not None  # `run` set it
    logs.configure(settings.log_level)
    end_with_parent()
    LimitedProtocol.places = Places(descriptors(), parse_networks(settings.trusted_proxies))
    LimitedProtocol.origins = Origins(settings.cors_origins)
    host, port = json.loads(os.environ[ADDRESS])
    only: Only | None = {"rest": "rest", "mcp": "mcp"}.get(os.environ[ONLY])  # type: ignore[assignment]
    watch, streams = watch_of(settings), LimitedProtocol.places.streams
    address = Address(host, port)
    built = build(settings, settings.database_url.get_secret_value(), address, only, watch=watch, streams=streams)
    LimitedProtocol.end_streams = built.end_streams
    drain_on_sigterm(settings.drain, lambda: health.leave(built.api))
    documents.committed()  # else the first who asks for it takes a twentieth of a second from everybody
    # What the program is made of stays: to look through it for garbage, again and again, keeps everybody waiting.
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG)
    return built


def watch_of(settings: Settings) -> Watch:
    """Return who looks on in this process: the log always, metrics and traces where they are asked for."""
    watch = Watch([request_log.RequestLog(settings.log_level)])
    if settings.metrics_port is not None:
        metrics = Metrics()
        LimitedProtocol.tellers = [metrics.refused_early]
        watch = Watch([*watch.watchers, metrics.answered], hooks=metrics.hooks(), samples=[metrics.sample])
    if otel_settings.is_asked_for():
        from todo_app.measuring.traces import Traces

        watch = Traces.exported().also(watch)
    return watch
