"""Writes what OpenAPI says of each endpoint, in the form of `specs/api/rest-endpoints.md`.

Of a section, these parts follow from the code: headers, parameters, bodies, the headers of answers, and errors. What
they mean stands beside them, in words that only a person can write: ownership, rules, examples that are no JSON.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from tests.contract import markdown, shapes

Schema = Mapping[str, Any]
COLUMNS: Final = "| Name | Type | Description |\n|---|---|---|\n"
_ITEM: Final = re.compile(r"^- \*\*(.+?)\*\*:(.*?)(?=^- \*\*|\Z)", re.MULTILINE | re.DOTALL)


class Endpoints:
    """The written contract, made anew from an OpenAPI document."""

    def __init__(self, openapi: Schema, text: str) -> None:
        """Take the document, and the contract whose words are kept."""
        self._openapi = openapi
        self._definitions = openapi["components"]["schemas"]
        self._text = text
        parts = markdown.sections(text, 2)
        self._shapes = markdown.sections(parts["Shapes"], 3).keys()
        spelled = markdown.table(markdown.sections(parts["Common to all"], 3)["Headers"])
        self._spelled = {name.lower(): name for name in (markdown.code(row["Header"]) for row in spelled)}

    def written(self) -> str:
        """Return the whole contract."""
        text = re.sub(r"^## .+?(?=^## |\Z)", self._section, self._text, flags=re.MULTILINE | re.DOTALL)
        before, heading, drawn = text.partition("\n## Shapes\n")
        shape = re.compile(r"^### (\w+)\n.+?(?=^### |\Z)", re.MULTILINE | re.DOTALL)
        return before + heading + shape.sub(self._shape, drawn)

    def _shape(self, found: re.Match[str]) -> str:
        """Return the section of a shape."""
        name, section = found[1], found[0]
        inner = self._shapes - {name}
        drawn = shapes.outline(self._definitions[name], self._definitions, inner, incoming="(sent)" in section)
        return re.sub(r"```json\n.*?\n```", lambda _: _block(drawn), section, flags=re.DOTALL)

    def _section(self, found: re.Match[str]) -> str:
        """Return a section: of an endpoint anew, any other as it is."""
        section = found[0]
        if "**Method**" not in section:
            return section
        method, path = markdown.value(section, "Method"), markdown.code(markdown.value(section, "Path"))
        operation = self._openapi["paths"][path][method.lower()]
        for title, items in (("Request", self._request), ("Response", self._response)):
            section = re.sub(
                rf"^### {title}\n\n(.*?)(?=^### )",
                lambda part, title=title, items=items: (  # type: ignore[misc]  # the values of this round
                    f"### {title}\n\n{''.join(items(operation, dict(_ITEM.findall(part[1]))))}\n"
                ),
                section,
                flags=re.MULTILINE | re.DOTALL,
            )
        return section

    def _request(self, operation: Schema, before: Mapping[str, str]) -> Iterator[str]:
        """Yield the items of a request."""
        taken = operation.get("parameters", ())
        headers = ["Authorization"] * bool(operation["security"]) + ["Content-Type"] * ("requestBody" in operation)
        headers += [self._spelled.get(one["name"], one["name"]) for one in taken if one["in"] == "header"]
        yield f"- **Headers**: {', '.join(f'`{name}`' for name in headers) or 'none'}\n"
        for place, title in (("path", "Path Parameters"), ("query", "Query Parameters")):
            rows = [parameter_row(one) for one in taken if one["in"] == place]
            if rows:
                yield f"- **{title}**:\n\n{_indented(COLUMNS + ''.join(rows))}"
        if "requestBody" in operation:
            content = operation["requestBody"]["content"]
            (kind,) = {"application/json", "application/octet-stream"} & content.keys()
            yield from self._body("Body Schema", content[kind]["schema"], before, incoming=True)

    def _response(self, operation: Schema, before: Mapping[str, str]) -> Iterator[str]:
        """Yield the items of the answers."""
        responses = operation["responses"]
        told = {status for status in responses if status < "400"}
        for status in sorted(told, key=_order(before)):
            title = f"{'Not Modified' if status == '304' else 'Success'} ({status})"
            content = responses[status].get("content", {})
            if "application/json" in content:
                yield from self._body(title, content["application/json"]["schema"], before, incoming=False)
            else:
                yield f"- **{title}**:{before.get(title, ' no body').rstrip()}\n"
        if "Response Headers" in before:
            yield f"- **Response Headers**:{before['Response Headers'].rstrip()}\n"
        yield "- **Errors**:\n"
        for status in sorted(responses.keys() - told):
            codes = re.findall(r"`(\w+)`:", responses[status]["description"])
            yield f"  - {status}: {', '.join(f'`{code}`' for code in sorted(codes))}\n"

    def _body(self, title: str, schema: Schema, before: Mapping[str, str], *, incoming: bool) -> Iterator[str]:
        """Yield the item of a body: its shape by name where the contract does so, else its fields."""
        is_named = re.search(r'```json\n\s*"', before.get(title, ""))
        named = self._shapes if is_named else self._shapes - {schema.get("$ref", "").rpartition("/")[2]}
        drawn = shapes.outline(schema, self._definitions, named, incoming=incoming)
        yield f"- **{title}**:\n{_indented(_block(drawn))}\n"


def parameter_row(one: Schema) -> str:
    """Return the row of a parameter."""
    words = shapes.field(one["schema"], {}, required=one["required"], incoming=True).replace(" or null", "")
    meaning = one["description"].replace("|", r"\|")
    return f"| `{one['name']}` | {words} | {meaning} |\n"


def _order(before: Mapping[str, str]) -> Callable[[str], tuple[int, str]]:
    """Return a key that sorts statuses as the contract does, new ones last."""
    titles = [*before]
    places = {title[-4:-1]: titles.index(title) for title in titles if title.endswith(")")}
    return lambda status: (places.get(status, len(titles)), status)


def _block(drawn: Any) -> str:
    """Return a block of JSON."""
    return f"```json\n{json.dumps(drawn, indent=2, ensure_ascii=False)}\n```"


def _indented(text: str) -> str:
    """Return lines as a part of an item."""
    return re.sub(r"^(?=.)", "  ", text, flags=re.MULTILINE)
