"""`python -m todo_app` is `todo-mcp`."""

from todo_app.cli import main

main()
