# The adapter. From the root of the repository: docker build -f docker/adapter.Dockerfile .
#
# The user id 10001 is the one of asterisk.Dockerfile: both write into the same volumes.

FROM debian:trixie-slim AS build
# Without what pip recommends there is no compiler, so that nothing can be built by accident: each
# dependency has to be a wheel, in the version that constraints.txt says.
RUN apt-get update \
    && apt-get install -y --no-install-recommends python3 python3-pip \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /build
ENV PIP_ONLY_BINARY=:all: PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_CONSTRAINT=/build/.ci/constraints.txt
RUN python3 -m venv --without-pip /opt/ari-voice
# Dependencies first, in a layer that a change of the source leaves alone.
COPY pyproject.toml ./
COPY .ci/constraints.txt .ci/
RUN python3 -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["dependencies"], sep="\n")' \
        > dependencies.txt \
    && python3 -m pip --python /opt/ari-voice/bin/python install -r dependencies.txt \
    # sqlite-utils brings pip, for a command of its own; the finished image installs nothing
    && python3 -m pip --python /opt/ari-voice/bin/python uninstall -y pip
COPY README.md LICENSE ./
COPY adapter adapter
COPY plugins plugins
RUN python3 -m pip --python /opt/ari-voice/bin/python install --no-deps .

FROM build AS build-example
RUN python3 -m pip --python /opt/ari-voice/bin/python install standardwebhooks

FROM debian:trixie-slim AS runtime
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates espeak-ng python3 \
    && rm -rf /var/lib/apt/lists/*
# A new volume takes over the owner of the folder in the image.
RUN groupadd --gid 10001 ari-voice \
    && useradd --uid 10001 --gid 10001 --home-dir /var/lib/ari-voice --shell /usr/sbin/nologin ari-voice \
    && install -d -m 0750 -o ari-voice -g ari-voice /var/lib/ari-voice /var/lib/ari-voice/database \
        /var/lib/ari-voice/media /var/lib/ari-voice/recordings /var/lib/ari-voice/secrets
ENV PATH=/opt/ari-voice/bin:$PATH \
    ARI_VOICE_HTTP__HOST=0.0.0.0 \
    ARI_VOICE_DATABASE__PATH=/var/lib/ari-voice/database/ari-voice.db \
    ARI_VOICE_MEDIA__FOLDER=/var/lib/ari-voice/media \
    ARI_VOICE_RECORDINGS__FOLDER=/var/lib/ari-voice/recordings
COPY docker/healthcheck.py /opt/ari-voice/
WORKDIR /var/lib/ari-voice
USER 10001:10001

# The example application of compose.yaml's profile `sim`.
FROM runtime AS example
COPY --from=build-example /opt/ari-voice /opt/ari-voice
COPY docker/secrets.sh /opt/ari-voice/
COPY docker/sim /opt/ari-voice/sim
COPY examples /opt/ari-voice/examples
RUN install -d -m 0750 /var/lib/ari-voice/demo
LABEL org.opencontainers.image.title="ari-voice-example" \
    org.opencontainers.image.description="Example application of ari-voice-adapter"

FROM runtime AS adapter
COPY --from=build /opt/ari-voice /opt/ari-voice
EXPOSE 8080
# SIGTERM drains (docs/operations.md): give it more time than `drain.timeout`.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s \
    CMD ["python3", "/opt/ari-voice/healthcheck.py"]
LABEL org.opencontainers.image.title="ari-voice-adapter" \
    org.opencontainers.image.description="Voice API server on Asterisk"
ENTRYPOINT ["ari-voice"]
CMD ["serve"]
