# The worker process (`worker-manager`): both stages share one Python, so the environment built in the first runs in the second.
ARG PYTHON_IMAGE=python:3.13.9-slim-trixie
ARG UV_IMAGE=ghcr.io/astral-sh/uv:0.13.9

# hadolint ignore=DL3006
FROM ${UV_IMAGE} AS uv

# hadolint ignore=DL3006
FROM ${PYTHON_IMAGE} AS build
COPY --from=uv /uv /usr/local/bin/uv
# The image's Python is the one that will run it; bytecode is compiled here because the final file system is read-only.
ENV UV_COMPILE_BYTECODE=1 \
    UV_LINK_MODE=copy \
    UV_PROJECT_ENVIRONMENT=/opt/worker-manager \
    UV_PYTHON_DOWNLOADS=never
WORKDIR /src
# Dependencies first: this layer is built anew only when the lock file changes.
COPY pyproject.toml uv.lock ./
RUN --mount=type=cache,target=/root/.cache/uv \
    uv sync --locked --no-default-groups --no-install-project --extra aws
COPY LICENSE README.md worker.py ./
COPY activities activities
COPY cli cli
COPY emulators emulators
COPY schemas schemas
COPY worker_manager worker_manager
COPY workflows workflows
RUN --mount=type=cache,target=/root/.cache/uv \
    uv sync --locked --no-default-groups --no-editable --extra aws

# hadolint ignore=DL3006
FROM ${PYTHON_IMAGE}
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin worker-manager
COPY --from=build /opt/worker-manager /opt/worker-manager
ENV PATH=/opt/worker-manager/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
USER 10001
ENTRYPOINT ["worker-manager"]
