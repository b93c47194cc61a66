# syntax=docker/dockerfile:1
# The worker alone, as LiveKit Cloud builds it: locked, without the group `local`, not as root.

FROM astral/uv:python3.11-bookworm-slim AS build
ENV UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never UV_NO_DEFAULT_GROUPS=1
WORKDIR /app
COPY pyproject.toml uv.lock README.md LICENSE ./
RUN --mount=type=cache,target=/root/.cache/uv uv sync --locked --no-install-project
COPY agent agent
COPY prompts prompts
RUN --mount=type=cache,target=/root/.cache/uv uv sync --locked
RUN .venv/bin/python -m livekit.agents download-files

FROM python:3.11-slim-bookworm
RUN adduser --disabled-password --gecos "" --home /app --no-create-home --uid 10001 agent
WORKDIR /app
COPY --from=build --chown=agent:agent /app /app
USER agent
ENV PATH=/app/.venv/bin:$PATH PYTHONUNBUFFERED=1
# Health: GET / answers 200 while the worker is connected.
EXPOSE 8081
CMD ["agent", "start"]
