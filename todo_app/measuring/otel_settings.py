"""Read the variables by which OpenTelemetry is set up, before any of its modules is imported.

They are those of its specification ("OpenTelemetry Environment Variable Specification"). Its SDK warns of a wrong value
and goes on with another one, or fails with a traceback while the MCP SDK is imported; here each is a line.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Iterator, Mapping
from importlib.util import find_spec
from typing import Final
from urllib.parse import urlsplit

from todo_core.settings import ConfigurationError

_ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_HEADERS: Final = re.compile(r"\s*[\w!#$%&'*+.^`|~-]+\s*=[^,]*(?:,\s*[\w!#$%&'*+.^`|~-]+\s*=[^,]*)*,?\s*", re.ASCII)
_SAMPLERS: Final = ("always_on", "always_off", "traceidratio")
_Check = tuple[Callable[[str], bool], str]


def is_asked_for(environment: Mapping[str, str] = os.environ) -> bool:
    """Return whether traces are to be sent: an exporter or an endpoint is named, and nothing says no.

    Raises:
        ConfigurationError: The variables that decide it have wrong values.
    """
    disabled = environment.get("OTEL_SDK_DISABLED", "").strip().lower()
    if disabled not in ("", "true", "false"):
        raise ConfigurationError("OTEL_SDK_DISABLED takes true or false")
    exporter = environment.get("OTEL_TRACES_EXPORTER", "").strip().lower()
    if disabled == "true" or exporter == "none":
        return False
    if exporter not in ("", "otlp"):
        raise ConfigurationError("OTEL_TRACES_EXPORTER takes otlp or none")
    return exporter == "otlp" or any(environment.get(name, "").strip() for name in _ENDPOINTS)


def check(environment: Mapping[str, str] = os.environ) -> bool:
    """Return whether traces are to be sent, after a look at every variable that says how.

    Raises:
        ConfigurationError: With a line for each wrong value, or because the packages are not installed.
    """
    wrong = [*_wrong(environment, _AT_IMPORT)]
    is_wanted = is_asked_for(environment)
    if is_wanted:
        wrong += _wrong(environment, _CHECKS)
        if not wrong and _number(environment, "OTEL_BSP_MAX_EXPORT_BATCH_SIZE", 512) > _number(
            environment, "OTEL_BSP_MAX_QUEUE_SIZE", 2048
        ):
            wrong.append("OTEL_BSP_MAX_EXPORT_BATCH_SIZE must not be more than OTEL_BSP_MAX_QUEUE_SIZE")
    if wrong:
        raise ConfigurationError("\n".join(wrong))
    if is_wanted and not _is_installed():
        raise ConfigurationError(
            "OTEL_… asks for traces, which need packages: install the extra otel, or set OTEL_TRACES_EXPORTER=none"
        )
    return is_wanted


def forget_what_imports_read() -> None:
    """Drop the variables that other programs use and that, with a value of theirs, end the import of the MCP SDK."""
    for name in _AT_IMPORT:
        os.environ.pop(name, None)


def _wrong(environment: Mapping[str, str], checks: Mapping[str, _Check]) -> Iterator[str]:
    for name, (is_right, words) in checks.items():
        value = environment.get(name, "").strip()
        if value and not is_right(value):
            yield f"{name} {words}"


def _is_installed() -> bool:
    try:
        return find_spec("opentelemetry.sdk.trace") is not None and (
            find_spec("opentelemetry.exporter.otlp.proto.http.trace_exporter") is not None
        )
    except ModuleNotFoundError:
        return False


def _among(*allowed: str) -> _Check:
    return lambda value: value.lower() in allowed, f"takes {' or '.join(allowed)}"


def _among_all(*allowed: str) -> _Check:
    return (
        lambda value: {part.strip() for part in value.split(",")} <= {*allowed},
        f"takes, separated by commas, {', '.join(allowed)}",
    )


def _is_url(value: str) -> bool:
    try:
        parts = urlsplit(value)
        _ = parts.port
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)


def _is_share(value: str) -> bool:
    try:
        return 0 <= float(value) <= 1
    except ValueError:
        return False


def _is_seconds(value: str) -> bool:
    try:
        return 0 < float(value) < math.inf
    except ValueError:
        return False


def _number(environment: Mapping[str, str], name: str, default: int) -> int:
    return int(environment.get(name, "").strip() or default)


_URL: Final[_Check] = (_is_url, "must be a URL such as http://collector:4318")
_COUNT: Final[_Check] = (lambda value: bool(re.fullmatch(r"[1-9][0-9]{0,8}", value)), "must be a whole number from 1")
_SECONDS: Final[_Check] = (_is_seconds, "must be a number of seconds above 0")
_COMPRESSION: Final = _among("gzip", "deflate", "none")
_PROTOCOL: Final = _among("http/protobuf")
_PAIRS: Final[_Check] = (lambda value: bool(_HEADERS.fullmatch(value)), "takes name=value, separated by commas")
_AT_IMPORT: Final[Mapping[str, _Check]] = {
    "OTEL_PROPAGATORS": _among_all("tracecontext", "baggage", "none"),
    "OTEL_PYTHON_CONTEXT": _among("contextvars_context"),
    "OTEL_PYTHON_TRACER_PROVIDER": _among("sdk_tracer_provider"),
}
"""What each variable takes that OpenTelemetry reads when it is imported, which the MCP SDK does."""
_CHECKS: Final[Mapping[str, _Check]] = {
    **dict.fromkeys(_ENDPOINTS, _URL),
    **dict.fromkeys(("OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"), _PROTOCOL),
    **dict.fromkeys(("OTEL_EXPORTER_OTLP_COMPRESSION", "OTEL_EXPORTER_OTLP_TRACES_COMPRESSION"), _COMPRESSION),
    **dict.fromkeys(("OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_HEADERS"), _PAIRS),
    **dict.fromkeys(("OTEL_EXPORTER_OTLP_TIMEOUT", "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT"), _SECONDS),
    "OTEL_RESOURCE_ATTRIBUTES": _PAIRS,
    "OTEL_TRACES_SAMPLER": _among(*_SAMPLERS, *(f"parentbased_{name}" for name in _SAMPLERS)),
    "OTEL_TRACES_SAMPLER_ARG": (_is_share, "must be a number from 0 to 1"),
    **dict.fromkeys(
        (
            *("OTEL_BSP_SCHEDULE_DELAY", "OTEL_BSP_EXPORT_TIMEOUT"),
            *("OTEL_BSP_MAX_QUEUE_SIZE", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE"),
            *("OTEL_ATTRIBUTE_COUNT_LIMIT", "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT"),
            *("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT"),
            *("OTEL_SPAN_EVENT_COUNT_LIMIT", "OTEL_SPAN_LINK_COUNT_LIMIT"),
            *("OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", "OTEL_LINK_ATTRIBUTE_COUNT_LIMIT"),
        ),
        _COUNT,
    ),
}
"""What each variable takes, where traces are asked for."""
