"""REST over the core, for the web UI. A route is a signature and one call."""

from todo_core.loading.shapes import building_put_off

with building_put_off():  # FastAPI's shapes of a contract, of which whoever serves the committed one builds none
    import fastapi as fastapi
