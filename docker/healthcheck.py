"""HEALTHCHECK of the adapter's image: status 0 when /livez answers 200, else 1.

Not /readyz: an adapter whose Asterisk is away still serves what it can, and a supervisor that
restarts what is unhealthy would only end that. Standard library only: it runs every few seconds.
"""

from __future__ import annotations

import os
import ssl
import sys
from http.client import HTTPConnection, HTTPException, HTTPSConnection

SECONDS = 4.0
ALL = ("", "0.0.0.0", "::")  # noqa: S104 - listening there, it is asked at loopback


def main() -> int:
    """Ask the server in this container, at the address that its settings in the environment say."""
    host = os.environ.get("ARI_VOICE_HTTP__HOST", "")
    address = "127.0.0.1" if host in ALL else host
    port = int(os.environ.get("ARI_VOICE_HTTP__PORT") or 8080)
    connection = HTTPConnection(address, port, timeout=SECONDS)
    if os.environ.get("ARI_VOICE_HTTP__TLS_CERT"):
        # it is ourselves: the certificate is for a name, not for this address
        context = ssl._create_unverified_context()  # noqa: S323
        connection = HTTPSConnection(address, port, timeout=SECONDS, context=context)
    try:
        connection.request("GET", "/livez")
        return int(connection.getresponse().status != 200)
    except (OSError, HTTPException):
        return 1
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(main())
