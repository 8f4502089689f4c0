"""Run a route directly, as its signature says, past the rest of the web framework.

FastAPI analyses the signature and makes a validator of each parameter; at run time a route gathers just what its
signature names, and skips the rest of the per-request machinery, which costs more than the database does
(`docs/decisions/0008-direct-routes.md`).

This is the only module that imports what FastAPI keeps private: `ModelField` (a parameter's validator), `Dependant`
and `get_dependant` (a signature, analysed). There is no public way to them; `pyproject.toml` bounds the version. They
may go when FastAPI's own way costs a request little (https://github.com/fastapi/fastapi/issues/5562, open since 2022).
"""

from __future__ import annotations

import re
from codecs import BOM_UTF8
from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import replace
from functools import cache, lru_cache
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlencode

from fastapi import Request, Response
from fastapi._compat import ModelField
from fastapi.dependencies.models import Dependant
from fastapi.dependencies.utils import get_dependant
from fastapi.routing import APIRoute
from pydantic import BaseModel, TypeAdapter
from starlette.convertors import StringConvertor, register_url_convertor
from starlette.datastructures import QueryParams
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from http_edge.bodies import read_body
from http_edge.entity_tags import matches, of_bytes
from http_edge.exchange import Exchange
from http_edge.negotiation import require_acceptable
from http_edge.problems import response_to
from http_edge.repeated import Fields
from http_edge.urls import from_text, unclear, values
from todo_core.errors import FieldError, InvalidInput, TodoError
from todo_core.text.json_text import RepeatedNameError, strict_json
from todo_core.validation import field_errors, path_of, refuse_crowd

_MISSING: Final = object()
_JSON: Final = "application/json"
MERGE_PATCH: Final = "application/merge-patch+json"
"""The media type of what a PATCH takes (RFC 7396); it is JSON, too."""
_JSON_TYPE: Final = re.compile(r"application/(merge-patch\+)?json\s*(?:;|$)", re.ASCII | re.IGNORECASE)
_CONDITIONS: Final = frozenset({b"if-match", b"if-none-match"})
_KEPT_QUERIES: Final = 512
"""Query strings of which it is kept what they came to: pages and programs ask by the same ones again and again."""
_LONGEST_KEPT: Final = 512
"""Bytes of the longest of these."""


class _Member(StringConvertor):
    """A member of a collection, `{id:member}`: whatever is not an address of the collection's own."""

    regex = r"(?!(?:batch|approve|reject)$)[^/]+"


register_url_convertor("member", _Member())


def takes_body(path: str, handler: Callable[..., Any]) -> bool:
    """Tell whether a handler's signature names a body."""
    return bool(get_dependant(path=path, call=handler).body_params)


class DirectRoute(APIRoute):
    """A FastAPI route that calls its handler directly.

    It takes what our handlers need: path, query and header parameters, one JSON body, the request, and
    dependencies made of these. A signature with anything else is refused when the route is declared.
    """

    def __init__(
        self, path: str, endpoint: Callable[..., Any], *, media_types: Sequence[str] = (), **kwargs: Any
    ) -> None:
        """Analyse a handler's signature.

        Args:
            path: The path, with its parameters in braces.
            endpoint: The handler, which returns a response.
            media_types: What a success with a body may be.
            kwargs: What else FastAPI takes of a route.
        """
        super().__init__(path, endpoint, response_model=None, **kwargs)
        self._call = _Call(self.dependant)
        self._foreign = _CONDITIONS - {name.encode() for name in self._call.headers()}
        """Conditions that the route would not look at (RFC 9110 §13.1: a request whose condition fails is not done)."""
        self._media_types = media_types
        self.app = self._serve

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        request, fields = Request(scope, receive, send), Exchange.of(scope).fields
        try:
            arguments = await self._call.gather(request)  # who calls, before anything of a stranger's is read
            self._refuse_conditions(fields)
            accept = fields.lines(b"accept")
            if self._media_types:
                require_acceptable(accept, self._media_types)
            body = await _json_body(request) if self.body_field is not None else _MISSING
            if scope["query_string"] and not self.dependant.query_params:
                names = [path_of([name]) for name in request.query_params]
                raise InvalidInput(errors=[FieldError(name, "is not a known field", code="unknown") for name in names])
            response: Response = await self._call.run(**self._call.arguments(request, body, arguments))
            if len(self._media_types) > 1:
                require_acceptable(accept, [str(response.media_type)])
            response = self._finished(response, request, fields)
        except (TodoError, HTTPException) as error:
            response = response_to(await Exchange.of(scope).counted(error))
        except ClientDisconnect as gone:  # before its body was here: nobody waits for an answer
            await Exchange.of(scope).counted(gone)
            return
        await response(scope, receive, send)

    def _refuse_conditions(self, fields: Fields) -> None:
        """Refuse a request under a condition that would not be looked at.

        Raises:
            InvalidInput: It names the header.
        """
        if found := fields.those_of(self._foreign):
            raise InvalidInput(
                errors=[FieldError(name.decode(), "is not taken here", code="unknown") for name in sorted(found)]
            )

    def _finished(self, response: Response, request: Request, fields: Fields) -> Response:
        """Return an answer with what it owes to the address and the conditions of its request."""
        own, headers = dict(response.raw_headers), response.raw_headers
        if b"location" in own and (root := request.scope.get("root_path")):
            response.headers["Location"] = root + own[b"location"].decode("latin1")
        if request.scope["method"] != "GET" or getattr(response, "body", None) is None:  # a stream is none of a kind
            return response
        if len(self._media_types) > 1:
            response.headers["Vary"] = "Accept"
        if following := getattr(response, "following", None):
            query = request.scope["query_string"]
            rest = (_kept_rest if len(query) <= _LONGEST_KEPT else _rest)(query, (*following, "offset"))
            place = "&".join(f"{name}={cursor}" for name, cursor in following.items())  # which need no encoding
            headers.append((b"link", f'<?{rest}{place}>; rel="next"'.encode()))
        tag = own.get(b"etag")
        if tag is None:
            tag = (getattr(response, "tag", None) or of_bytes(bytes(response.body))).encode()
            headers.append((b"etag", tag))
        known = fields.lines(b"if-none-match")
        if known and matches(b", ".join(known).decode("latin1"), tag.decode("latin1")):
            kept = {name: response.headers[name] for name in _KEPT if name in response.headers}
            return Response(status_code=304, headers=kept)
        return response


_KEPT: Final = ("etag", "vary", "link")
"""Headers that an answer has of which the client has the body already (RFC 9110 §15.4.5)."""


def _rest(query: bytes, left_out: Sequence[str]) -> str:
    """Return a query string without some parameters, as it stands before another one in a link."""
    rest = urlencode([pair for pair in QueryParams(query).multi_items() if pair[0] not in left_out])
    return f"{rest}&" if rest else ""


_kept_rest: Final = lru_cache(_KEPT_QUERIES)(_rest)


class _Call:
    """A handler or a dependency, with what its signature names, each checked by FastAPI's validator for it."""

    def __init__(self, dependant: Dependant) -> None:
        extras = (
            dependant.cookie_params,
            dependant.websocket_param_name,
            dependant.http_connection_param_name,
            dependant.response_param_name,
            dependant.background_tasks_param_name,
            dependant.body_params[1:],
            dependant.query_params[1:],
        )
        if any(extras):
            raise TypeError("a direct route takes path and header parameters, one query model and one JSON body")
        assert dependant.call is not None
        self.run: Final = dependant.call
        self._request_name = dependant.request_param_name
        self._parameters = [
            *(_Parameter(field, "path") for field in dependant.path_params),
            *(_Parameter(field, "header") for field in dependant.header_params),
            *(_Query(_from_text(field), "query") for field in dependant.query_params),
            *(_Parameter(field, "body") for field in dependant.body_params),
        ]
        self._inner = [(str(inner.name), _Call(inner)) for inner in dependant.dependencies]

    def headers(self) -> set[str]:
        """Return the names of the headers that it or what it depends on takes."""
        own = {parameter.alias for parameter in self._parameters if parameter.where == "header"}
        return own.union(*(call.headers() for _, call in self._inner))

    async def gather(self, request: Request) -> dict[str, Any]:
        """Return what its dependencies give, by name. None of them has a body."""
        arguments = {}
        for name, call in self._inner:
            inner = await call.gather(request) if call._inner else {}
            arguments[name] = await call.run(**call.arguments(request, _MISSING, inner))
        return arguments

    def arguments(self, request: Request, body: object, arguments: dict[str, Any]) -> dict[str, Any]:
        """Add the parameters to the arguments, and return these.

        Args:
            request: The request.
            body: Its body, parsed.
            arguments: What `gather` returned.

        Raises:
            InvalidInput: With each refused parameter.
        """
        if self._request_name is not None:
            arguments[self._request_name] = request
        refused: list[FieldError] = []
        for parameter in self._parameters:
            refused += parameter.read(request, body, arguments)
        if refused:
            raise InvalidInput(errors=refused)
        return arguments


class _Parameter:
    """One parameter of a signature: where its value is in a request, and FastAPI's validator for it."""

    def __init__(self, field: ModelField, where: Literal["path", "header", "query", "body"]) -> None:
        self.where, self.alias = where, field.alias
        self._field, self._name = field, field.name
        self._kind: Any = field.field_info.annotation
        self._line = field.alias.lower().encode()
        """The name of the header, if it is one."""
        self._location = (where, field.alias) if where in ("path", "header") else (where,)
        self._is_required = field.field_info.is_required()
        self._default = None if self._is_required else field.default
        self._is_constant = self._default is None or isinstance(self._default, str)
        """Whether its default can be the same object for all requests."""

    def read(self, request: Request, body: object, arguments: dict[str, Any]) -> list[FieldError]:
        """Add its value to the arguments; return what is wrong with what the request has for it.

        Raises:
            InvalidInput: It is an object with very many unknown fields.
        """
        value = self._given(request, body)
        if value is _MISSING:
            arguments[self._name] = self._default if self._is_constant else self._field.default
            if self._is_required:
                name = self.alias if self.where == "header" else self.where
                return [FieldError(name, "is required", code="required")]
            return []
        arguments[self._name], refused = self.checked(value)
        return refused

    def checked(self, value: object) -> tuple[Any, list[FieldError]]:
        """Return a value as its validator makes it, and what is wrong with it.

        Raises:
            InvalidInput: It is an object with very many unknown fields.
        """
        refuse_crowd(value, self._kind)
        valid, wrong = self._field.validate(value, loc=self._location)
        return valid, field_errors(wrong, kind=self._kind, skip=1, tags=_tags(self._field)) if wrong else []

    def _given(self, request: Request, body: object) -> object:
        """Return what the request has for it, or `_MISSING`."""
        if self.where == "path":
            return request.scope["path_params"][self.alias]
        if self.where == "header":
            lines = Exchange.of(request.scope).fields.lines(self._line)
            # Of a list; others are there once (`http_edge.repeated`).
            return b", ".join(lines).decode("latin1") if lines else _MISSING
        return body


class _Query(_Parameter):
    """The parameter that a query string fills. Requests with the same one share the model, which nobody changes."""

    def read(self, request: Request, body: object, arguments: dict[str, Any]) -> list[FieldError]:  # noqa: ARG002
        """Do what `_Parameter.read` does. What a write says may be a secret, and is not kept."""
        query = request.scope["query_string"]
        is_kept = request.scope["method"] == "GET" and len(query) <= _LONGEST_KEPT
        try:
            arguments[self._name] = (_kept_fill if is_kept else _Query.fill)(self, query)
        except _RefusedError as error:
            return error.errors
        return []

    def fill(self, query: bytes) -> Any:
        """Return the model that a query string fills.

        Raises:
            InvalidInput: It has very many unknown names.
            _RefusedError: Something is wrong with it.
        """
        given = QueryParams(query)
        refused = unclear(query, given, self._kind)
        model, wrong = self.checked(values(given, self._kind))
        if refused or wrong:
            raise _RefusedError(refused + wrong)
        return model


_kept_fill: Final = lru_cache(_KEPT_QUERIES)(_Query.fill)
"""The same, kept by route and query string; what is refused is an exception, which is not kept."""


class _RefusedError(Exception):
    """What is wrong with a query string."""

    def __init__(self, errors: list[FieldError]) -> None:
        super().__init__()
        self.errors = errors


def _from_text(field: ModelField) -> ModelField:
    """Make a query's model take the text of a URL."""
    info = copy(field.field_info)
    info.annotation = from_text(_model(field))
    return replace(field, field_info=info)


def _model(field: ModelField) -> type[BaseModel]:
    """Return the model that a query fills.

    Raises:
        TypeError: The parameter is something else, or requests could not share its model.
    """
    kind = field.field_info.annotation
    if not (isinstance(kind, type) and issubclass(kind, BaseModel) and kind.model_config.get("frozen")):
        raise TypeError("the query of a direct route is one model that is frozen")
    return kind


@cache
def _tags(field: ModelField) -> frozenset[str]:
    """Return the tags of a tagged union, which pydantic puts into the location of an error."""
    kind: Any = Annotated[field.field_info.annotation, field.field_info]
    schema = TypeAdapter(kind).json_schema()
    return frozenset(schema.get("discriminator", {}).get("mapping", ()))


async def _json_body(request: Request) -> object:
    """Return the body, parsed strictly, or `_MISSING`.

    Raises:
        HTTPException: It is too large (413), of another type (415), or not JSON (400).
    """
    body = await read_body(request)
    if not body:
        return _MISSING
    given = Exchange.of(request.scope).fields.only(b"content-type")
    kind = _JSON_TYPE.match("" if given is None else given.decode("latin1"))
    is_patch = request.scope["method"] == "PATCH"
    if kind is None or (kind[1] and not is_patch):
        raise HTTPException(415, headers={"Accept-Patch": f"{MERGE_PATCH}, {_JSON}"} if is_patch else None)
    try:
        # What Windows programs begin with may be ignored (RFC 8259 §8.1).
        return strict_json(body.removeprefix(BOM_UTF8))
    except RepeatedNameError as error:
        raise InvalidInput(
            errors=[FieldError(path_of([error.name]), "is there twice; send it once", code="repeated")]
        ) from None
    except ValueError:
        raise HTTPException(400) from None
