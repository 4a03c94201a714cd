# bridge in a container: Python from the base, everything else from the hashed lock; no compiler, no pip and no secret in what
# ships. It runs as user 10001 on a read-only file system; only /var/lib/bridge (the state) and /tmp need to be writable.
#
#   docker build --tag bridge .
#   docker build --build-arg BASE=registry.example/python-base --tag bridge .    # any base that is Debian, or brings Python 3.11+
#
# Where packages come through a mirror, its settings are handed over for the build alone and stay in no layer:
#   --secret id=pip_conf,src=/etc/pip.conf --secret id=ca,src=/etc/ssl/certs/ca-certificates.crt
# Pin the base to what you have checked: --build-arg BASE=debian@sha256:…
ARG BASE=debian:bookworm-slim

FROM ${BASE} AS build
# Compiled modules then carry a digest of their source and not its time, so that two builds are the same bytes.
ENV SOURCE_DATE_EPOCH=1577836800
RUN python3 -c 'import ensurepip' 2>/dev/null \
 || { apt-get update && apt-get install --yes --no-install-recommends python3 python3-venv; }
WORKDIR /src
COPY requirements.lock requirements-dev.lock ./
# Of the developers' lock only the build tool and what it needs, held to the same hashes; neither it nor pip ships. What tells the
# town or the carrier of a phone number is a seventh of all modules, and is never asked.
RUN --mount=type=cache,id=bridge-pip,target=/root/.cache/pip \
    --mount=type=secret,id=pip_conf,target=/etc/pip.conf \
    --mount=type=secret,id=ca,target=/etc/ssl/certs/ca-certificates.crt \
    awk '/^[a-z]/ { keep = /^(hatchling|packaging|pathspec|pluggy|tomli|tomlkit|trove-classifiers)==/ } keep' requirements-dev.lock > build.lock \
 && python3 -m venv /build \
 && python3 -m venv --without-pip /opt/bridge \
 && pip() { /build/bin/pip --disable-pip-version-check "$@"; } \
 && pip install --no-compile --only-binary :all: --require-hashes -r build.lock \
 && pip --python /opt/bridge install --no-compile --only-binary :all: --require-hashes -r requirements.lock \
 && rm -r /opt/bridge/lib/python3*/site-packages/phonenumbers/geodata /opt/bridge/lib/python3*/site-packages/phonenumbers/carrierdata \
 && /opt/bridge/bin/python -m compileall -q -j 0 /opt/bridge/lib
COPY pyproject.toml README.md LICENSE ./
COPY mappings mappings
COPY docs/codes.md docs/codes.md
COPY docs/es/codes.md docs/es/codes.md
COPY src src
RUN /build/bin/pip --disable-pip-version-check wheel --no-index --no-deps --no-build-isolation --wheel-dir /wheel . \
 && /build/bin/pip --disable-pip-version-check --python /opt/bridge install --no-index --no-deps /wheel/bridge-*.whl

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
