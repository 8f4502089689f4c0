"""Have pydantic build shapes later."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def building_put_off() -> Iterator[None]:
    """Have pydantic build the shapes that modules in this block define when they are first used.

    It is for shapes of which few are used, or those that one person waits for: in a server a first request would build
    what all others wait for.
    """
    from pydantic import BaseModel, ConfigDict

    usual = BaseModel.model_config
    BaseModel.model_config = ConfigDict(defer_build=True)  # a class takes over what its bases have
    try:
        yield
    finally:
        BaseModel.model_config = usual
