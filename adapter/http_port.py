"""The TCP port of the server: known before anything is worded, open when all else is up.

With ``http.port = 0`` the system chooses one. Webhooks may carry it (`recording_url`) before the
server listens: a call that was resumed at the start may end at once. So the port is taken at the
start and only then listened on; until that, connections are refused.
"""

from __future__ import annotations

import socket
import ssl

import msgspec
from aiohttp import web

from adapter.settings import Http

_BACKLOG = 1024


class HttpPort:
    """Takes the port.

    Args:
        http: where to serve. With port 0 it is the first address of the host, and no other.

    Attributes:
        base_url: of the server, as its applications reach it; see `Http.base_url`.

    Raises:
        OSError: there is no such address.
    """

    def __init__(self, http: Http) -> None:
        self._http = http
        self._taken = None if http.port else _taken(http.host)
        if self._taken is not None:
            http = msgspec.structs.replace(http, port=self._taken.getsockname()[1])
        self.base_url = http.base_url

    async def open(self, runner: web.BaseRunner) -> int:
        """Listen, with TLS if that is on; `runner` has been set up, and closes what is opened.

        Returns:
            The port.

        Raises:
            OSError: the port is in use, or a file of TLS can't be read.
        """
        http, context = self._http, None
        if http.tls_cert:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(http.tls_cert, http.tls_key)
        site: web.BaseSite
        if self._taken is not None:
            site = web.SockSite(runner, self._taken, ssl_context=context, backlog=_BACKLOG)
        else:
            site = web.TCPSite(runner, http.host, http.port, ssl_context=context, backlog=_BACKLOG)
        await site.start()
        port: int = runner.addresses[0][1]
        return port

    def close(self) -> None:
        """Give the port back, if it was never opened."""
        if self._taken is not None:
            self._taken.close()


def _taken(host: str) -> socket.socket:
    """A socket that has a port of this host and does not listen yet."""
    family, kind, protocol, _, address = socket.getaddrinfo(
        host or None, 0, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    made = socket.socket(family, kind, protocol)
    try:
        made.bind(address)
    except OSError:
        made.close()
        raise
    return made
