# The server, without the embedded PostgreSQL: TODO_DATABASE_URL is required (docs/operation/hosting.md).
# It needs no root, and writes nowhere but to /tmp: run it with --read-only --tmpfs /tmp.
# tests/app/test_image.py executes these steps in a folder, as far as that is possible without a container engine.
FROM python:3.13-slim-trixie AS build
WORKDIR /src
COPY deploy/build.lock deploy/requirements.lock deploy/
RUN python -m venv /build \
    && /build/bin/python -m pip install --no-cache-dir --no-deps --require-hashes -r deploy/build.lock \
    && python -m venv --without-pip /opt/todo-mcp \
    && /build/bin/python -m pip --python /opt/todo-mcp/bin/python install --no-cache-dir --no-deps --require-hashes \
        -r deploy/requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY todo_core todo_core
COPY http_edge http_edge
COPY rest_api rest_api
COPY mcp_server mcp_server
COPY todo_app todo_app
COPY migrations migrations
COPY specs/api/openapi.json specs/api/
RUN /build/bin/python -m pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir /wheels . \
    && /build/bin/python -m pip --python /opt/todo-mcp/bin/python install --no-cache-dir --no-deps --no-index \
        --find-links /wheels todo-mcp

FROM python:3.13-slim-trixie
COPY --from=build /opt/todo-mcp /opt/todo-mcp
ENV PATH=/opt/todo-mcp/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONSAFEPATH=1 \
    PYTHONUNBUFFERED=1
USER 10001:10001
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
ENTRYPOINT ["todo-mcp"]
CMD ["serve", "--host", "0.0.0.0"]
