# Asterisk 22, with the launcher and the configuration that are used everywhere else. The same image is
# the simulated carrier (`--role carrier`). From the root of the repository:
# docker build -f docker/asterisk.Dockerfile .
#
# Debian's own Asterisk is in sid alone. Its version is not pinned by name, because sid keeps only the
# latest; the launcher looks at it instead.

FROM debian:sid-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends asterisk asterisk-core-sounds-en-wav \
        asterisk-moh-opsound-wav ca-certificates python3 \
    && rm -rf /var/lib/apt/lists/*
COPY asterisk-conf /opt/ari-voice/asterisk-conf
# Fails, in one line, when sid has another major version than 22, or one before 22.10.1.
RUN python3 /opt/ari-voice/asterisk-conf/launcher tools --only asterisk --cache /tmp/tools \
    && rm -rf /tmp/tools \
    && printf '#!/bin/sh\nexec python3 /opt/ari-voice/asterisk-conf/launcher "$@"\n' > /usr/local/bin/launcher \
    && chmod 0755 /usr/local/bin/launcher
# The user id is the one of adapter.Dockerfile. A new volume takes over the owner of the folder.
RUN groupadd --gid 10001 ari-voice \
    && useradd --uid 10001 --gid 10001 --home-dir /var/lib/ari-voice --shell /usr/sbin/nologin ari-voice \
    && install -d -m 0750 -o ari-voice -g ari-voice /var/lib/ari-voice /var/lib/ari-voice/asterisk \
        /var/lib/ari-voice/media /var/lib/ari-voice/recordings /var/lib/ari-voice/secrets
# compose.yaml's service `secrets` runs it.
COPY docker/secrets.sh /opt/ari-voice/
# Where the launcher keeps its lock: in memory, the root file system may be read-only.
ENV ARI_VOICE_CACHE=/tmp/ari-voice
WORKDIR /var/lib/ari-voice
USER 10001:10001
EXPOSE 5060/udp 5060/tcp 5061/tcp
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s \
    CMD ["asterisk", "-C", "/var/lib/ari-voice/asterisk/etc/asterisk.conf", "-rx", "core waitfullybooted"]
LABEL org.opencontainers.image.title="ari-voice-asterisk" \
    org.opencontainers.image.description="Asterisk 22 of Debian with the configuration of ari-voice-adapter"
ENTRYPOINT ["launcher"]
CMD ["run", "--dir", "/var/lib/ari-voice/asterisk"]
