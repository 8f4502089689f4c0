"""The head of a request, read as RFC 9112 has it."""

from __future__ import annotations

import pytest

from http_edge.heads import origin_form, problem_of_codings

pytestmark = pytest.mark.requirement("RS5")

HERE = b"todo.example.test:8000"


def test_a_target_is_a_path_or_an_address_of_the_host_that_is_named() -> None:
    """RFC 9112 §3.2."""
    taken = {
        b"/": b"/",
        b"/a?b=http://other.test/": b"/a?b=http://other.test/",
        b"//other.test/a": b"//other.test/a",
        b"http://todo.example.test:8000": b"/",
        b"http://todo.example.test:8000/a?b": b"/a?b",
        b"HTTPS://Todo.Example.test:8000?b": b"/?b",
    }
    refused = (
        *(b"http://other.test/a", b"http://todo.example.test/", b"http://todo.example.test:8000.other.test/"),
        *(b"http://u@todo.example.test:8000/", b"http:///a", b"http:/a", b"http://", b"ftp://todo.example.test:8000/"),
        *(b"todo.example.test:8000", b"*", b"a", b"", b"?a", b"http://todo.example.test:8000@other.test/"),
    )
    assert {target: origin_form(target, b"GET", HERE) for target in taken} == taken
    assert {target: origin_form(target, b"GET", HERE) for target in refused} == dict.fromkeys(refused)
    assert origin_form(b"http://todo.example.test:8000/", b"GET", None) is None
    assert origin_form(b"*", b"OPTIONS", HERE) == b"*"


def test_a_transfer_coding_is_chunked_and_nothing_else() -> None:
    """RFC 9112 §6.1: what is not understood is 501, and what leaves the end of the body in doubt 400."""
    told = {
        (b"chunked",): None,
        (b" Chunked\t",): None,
        (b"gzip, chunked",): 501,
        (b"gzip", b"chunked"): 501,
        (b"x-gzip;q=1 ,chunked",): 501,
        (b"identity, chunked",): 501,
        (b"gzip",): 400,
        (b"chunked, gzip",): 400,
        (b"chunked, chunked",): 400,
        (b"chunked", b"chunked"): 400,
        (b"gzip, chunked, chunked",): 400,
        (b",chunked",): 400,
        (b"chunked,",): 400,
        (b"",): 400,
        (b"\x0bchunked",): 400,
    }
    for values, status in told.items():
        problem = problem_of_codings(values, "1.1")
        assert (problem and problem["status"]) == status, values
        assert values == () or (problem_of_codings(values, "1.0") or {})["status"] == 400
    assert problem_of_codings((), "1.0") is None
