"""What the system does: todos, their owners, and the one boundary every change passes.

This package imports no web framework and no MCP; `rest_api` and `mcp_server` are two faces
of the operations in `todo_core.operations`.
"""

__version__ = "0.1.0"
"""Of the package, the REST API's contract and the MCP server. The build reads it from here, too."""
ENV_FILE = "TODO_ENV_FILE"
"""Environment variable that names a file of more settings; the option `--env-file` sets it."""
