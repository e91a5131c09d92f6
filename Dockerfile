# feedmill: one image for every command; without arguments it is a worker.
# docs/guide/containers.md says how to run it, docs/decisions/0014-containers.md why it is built so.
ARG BASE=docker.io/library/python:3.11.14-slim-bookworm

FROM ${BASE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore PYTHONDONTWRITEBYTECODE=1
WORKDIR /src

# The locked releases first: this layer is made anew only when a lock changes. The two secrets are for machines that
# reach a package index of their own: pip's settings, and the authority that `cert` in them names.
COPY requirements.lock requirements-build.lock ./
RUN --mount=type=cache,target=/root/.cache/pip \
    --mount=type=secret,id=pip.conf,target=/etc/pip.conf \
    --mount=type=secret,id=ca.pem,target=/run/secrets/ca.pem \
    python3 -m venv --without-pip /opt/feedmill && \
    python3 -m venv /opt/backend && \
    /opt/backend/bin/pip install --quiet --require-hashes --only-binary=:all: --requirement requirements-build.lock && \
    /opt/backend/bin/pip --python /opt/feedmill/bin/python install --quiet --no-compile \
        --require-hashes --only-binary=:all: --requirement requirements.lock

COPY LICENSE README.md pyproject.toml ./
COPY agents agents
COPY schemas schemas
# One date for all files, and bytecode that names no date: the same sources give the same bytes. 1980 is the
# oldest that a wheel can hold; a release gives the time of its commit. Left out: what only Python 3.12 can read.
ARG SOURCE_DATE_EPOCH=315532800
RUN /opt/backend/bin/pip wheel --quiet --no-deps --no-build-isolation --wheel-dir /wheels . && \
    /opt/backend/bin/pip --python /opt/feedmill/bin/python install --quiet --no-compile --no-deps --no-index \
        /wheels/*.whl && \
    python3 -m compileall -q -j 0 -x '/whenever/_typing_312\.py$' --invalidation-mode unchecked-hash /opt/feedmill/lib && \
    find /opt/feedmill -exec touch --no-dereference --date="@${SOURCE_DATE_EPOCH}" {} +

FROM ${BASE}
# What the mill does not need and an intruder could use: pip, where it comes from, and the setuid bits of Debian's tools.
RUN python3 -m pip --disable-pip-version-check uninstall --quiet --yes --root-user-action=ignore pip setuptools wheel && \
    rm -rf "$(python3 -c 'import ensurepip; print(*ensurepip.__path__)')" && \
    find / -xdev -type f -perm /6000 -exec chmod a-s {} + && \
    install --directory --owner=10001 --group=10001 --mode=0750 /var/lib/feedmill
COPY --from=build /opt/feedmill /opt/feedmill

ENV PATH=/opt/feedmill/bin:$PATH \
    HOME=/tmp \
    PYTHONDONTWRITEBYTECODE=1 \
    FEEDMILL_STATE_DIR=/var/lib/feedmill \
    FEEDMILL_METRICS_HOST=0.0.0.0
VOLUME /var/lib/feedmill
WORKDIR /var/lib/feedmill
EXPOSE 9808
# By number: Kubernetes' runAsNonRoot cannot tell who a name is.
USER 10001:10001

ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="feedmill" \
      org.opencontainers.image.description="Raw feed documents in, clean, deduplicated, enriched items out, on Kafka and Faust" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"

# Whether the worker lives; half a minute between two, for each costs a quarter of a second of a core.
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 CMD ["feedmill", "health"]
ENTRYPOINT ["feedmill"]
CMD ["worker"]
