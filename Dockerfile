# bridge in a container: Python from the base, everything else from the hashed lock; no compiler, no pip and no secret in what
# ships. It runs as user 10001 on a read-only file system; only /var/lib/bridge (the state) and /tmp need to be writable.
#
#   docker build --tag bridge .
#   docker build --build-arg BASE=registry.example/python-base --tag bridge .    # any base that is Debian, or brings Python 3.11+
#
# Where packages come through a mirror, its settings are handed over for the build alone and stay in no layer:
#   --secret id=pip_conf,src=/etc/pip.conf --secret id=ca,src=/etc/ssl/certs/ca-certificates.crt
ARG BASE=debian:bookworm-slim

FROM ${BASE} AS build
RUN python3 -c 'import ensurepip' 2>/dev/null \
 || { apt-get update && apt-get install --yes --no-install-recommends python3 python3-venv; }
WORKDIR /src
COPY requirements.lock ./
RUN --mount=type=secret,id=pip_conf,target=/etc/pip.conf \
    --mount=type=secret,id=ca,target=/etc/ssl/certs/ca-certificates.crt \
    python3 -m venv /opt/bridge \
 && /opt/bridge/bin/pip install --no-cache-dir --disable-pip-version-check --only-binary :all: --require-hashes -r requirements.lock
COPY requirements-dev.lock ./
# The build tool and what it needs, held to the same hashes; it does not ship.
RUN --mount=type=secret,id=pip_conf,target=/etc/pip.conf \
    --mount=type=secret,id=ca,target=/etc/ssl/certs/ca-certificates.crt \
    awk '/^[a-z]/ { keep = /^(hatchling|packaging|pathspec|pluggy|tomli|tomlkit|trove-classifiers)==/ } keep' requirements-dev.lock > build.lock \
 && python3 -m venv /build \
 && /build/bin/pip install --no-cache-dir --disable-pip-version-check --only-binary :all: --require-hashes -r build.lock
COPY pyproject.toml README.md LICENSE ./
COPY mappings mappings
COPY src src
RUN /build/bin/pip wheel --disable-pip-version-check --no-index --no-deps --no-build-isolation --wheel-dir /wheel . \
 && /opt/bridge/bin/pip install --disable-pip-version-check --no-index --no-deps /wheel/bridge-*.whl \
 && /opt/bridge/bin/pip uninstall --yes --quiet pip setuptools

FROM ${BASE}
RUN python3 -c '' 2>/dev/null \
 || { apt-get update && apt-get install --yes --no-install-recommends python3 && rm -rf /var/lib/apt/lists/*; }
RUN echo 'bridge:x:10001:' >> /etc/group \
 && echo 'bridge:x:10001:10001::/var/lib/bridge:/usr/sbin/nologin' >> /etc/passwd \
 && install --directory --owner=10001 --group=10001 --mode=0700 /var/lib/bridge \
 && install --directory --mode=0755 /etc/bridge/mappings
COPY --from=build /opt/bridge /opt/bridge
ENV PATH=/opt/bridge/bin:/usr/bin:/bin \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    BRIDGE_MAPPINGS=/etc/bridge/mappings \
    BRIDGE_STATE_URL=sqlite:////var/lib/bridge/bridge.db \
    BRIDGE_WEB__HOST=0.0.0.0 \
    BRIDGE_WEB__PORT=8080
USER 10001:10001
WORKDIR /var/lib/bridge
VOLUME /var/lib/bridge
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen('http://127.0.0.1:' + os.environ['BRIDGE_WEB__PORT'] + '/healthz', timeout=4)"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["bridge"]
CMD ["serve"]
