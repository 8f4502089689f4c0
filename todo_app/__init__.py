"""The program: the only place that knows the core and both its faces."""

from importlib.metadata import version
from typing import Final

VERSION: Final = version("todo-mcp")
