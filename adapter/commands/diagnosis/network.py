"""What is reached over the network: applications, our own port, and its TLS.

Applications are connected to and sent nothing: a webhook that is none would be work for them.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Iterable
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Final

import aiohttp
from yarl import URL

from adapter.commands.diagnosis import Result, Results, certificates, described
from adapter.outbox.egress import Policy
from adapter.settings import Http

_CONNECT: Final = 3.0  # seconds
_AT_ONCE: Final = 16
_MOST: Final = 64  # hosts that are connected to
_LARGEST: Final = 64 * 1024  # bytes of /readyz
_UNREADY: Final = 503


async def webhooks(urls: Iterable[str], allow: tuple[str, ...]) -> Results:
    """Whether the hosts of applications may be called and can be connected to."""
    policy = Policy.parse(allow)
    origins = sorted({_origin(url) for url in urls})
    gate = asyncio.Semaphore(_AT_ONCE)

    async def look(origin: str) -> Result:
        async with gate:
            return await reachable(origin, policy)

    for result in await asyncio.gather(*map(look, origins[:_MOST])):
        yield result
    if len(origins) > _MOST:
        text = f"{len(origins) - _MOST} more hosts were not looked at"
        yield Result("webhook", "warning", text)
    if not origins:
        yield Result("webhook", "ok", "no application wants any")


async def reachable(origin: str, policy: Policy) -> Result:
    """Judge one host: ``http://host:port`` or ``https://...``."""
    name, url = f"webhook {origin}", URL(origin)
    secure = url.scheme == "https"
    try:
        policy.check_url(url)
        async with asyncio.timeout(_CONNECT):
            await _connect(url, policy)
    except TimeoutError:
        return Result(name, "failed", f"no connection after {_CONNECT:g} s")
    except ssl.SSLCertVerificationError as error:
        return Result(name, "failed", f"its certificate is refused: {error.verify_message}")
    except (OSError, ValueError) as error:  # EgressRefused is a ValueError
        return Result(name, "failed", described(error))
    return Result(name, "ok", f"connected{', with TLS' if secure else ''}; nothing was sent")


async def _connect(url: URL, policy: Policy) -> None:
    """Connect to the first address that takes it, as `adapter.outbox.egress` would, and leave."""
    host, port = url.raw_host or "", url.port or 0
    secure = ssl.create_default_context() if url.scheme == "https" else None
    found = await asyncio.get_running_loop().getaddrinfo(host, port, proto=socket.IPPROTO_TCP)
    addresses = [str(place[0]) for *_, place in found]
    for address in addresses:
        policy.check_address(host, port, ip_address(address))
    for address in addresses:
        try:
            _, writer = await asyncio.open_connection(
                address, port, ssl=secure, server_hostname=host if secure else None
            )
        except OSError:
            if address == addresses[-1]:
                raise
        else:
            return writer.close()


async def server(http: Http) -> Results:
    """Whether the server is there, and ready."""
    if not http.port:
        yield Result("server", "ok", "http.port is 0: it takes any, so it was not looked for")
        return
    scheme = "https" if http.tls_cert else "http"
    url = URL.build(scheme=scheme, host=_reached(http.host), port=http.port, path="/readyz")
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_CONNECT)) as session,
            session.get(url, ssl=False) as answer,  # its name is for others; see `tls`
        ):
            said = (await answer.content.read(_LARGEST)).decode(errors="replace")
    except aiohttp.ClientConnectorSSLError:
        text = f"port {http.port} has no TLS, as http.tls_cert wants it: restart the server"
        yield Result("server", "failed", text)
        return
    except TimeoutError:
        yield Result("server", "failed", f"port {http.port} is open and does not answer")
        return
    except (aiohttp.ClientConnectorError, ConnectionError):
        yield Result("server", "ok", f"not running at port {http.port}")
        return
    if answer.status == 200:
        yield Result("server", "ok", f"running and ready at port {http.port}")
    elif answer.status == _UNREADY:
        yield Result("server", "warning", f"running, and not ready: {said[:200]}")
    else:
        text = f"port {http.port} is somebody else's: it answers {answer.status}"
        yield Result("server", "failed", text)


async def tls(http: Http) -> Results:
    """Whether the API's certificate can be used, and for how long."""
    if http.tls_cert and http.tls_key:
        yield await certificate(http, http.tls_cert, http.tls_key)
    elif _is_local(http.host):
        yield Result("tls", "ok", "off; only this machine can reach the port")
    elif http.base_url.startswith("https:"):
        yield Result("tls", "ok", "off; http.public_url says that a proxy has it")
    elif _is_everywhere(http.host) and _is_local(called := URL(http.public_url or "").host or ""):
        # In a container: which of the host's addresses has the port is not seen from within.
        text = f"off; http.public_url says that we are called at {called}: publish the port there"
        yield Result("tls", "ok", f"{text} alone")
    else:
        text = f"off at {http.host}: passwords cross the network in the clear, unless a proxy"
        yield Result("tls", "warning", f"{text} in front has TLS (http.tls_cert, http.public_url)")


async def certificate(http: Http, cert: Path, key: Path) -> Result:
    """Judge the files of a certificate, and whether a server that runs has them."""
    try:
        shown = await asyncio.to_thread(certificates.in_files, cert, key)
    except ssl.SSLError as error:
        text = f"{key} is not the key of {cert}, or has a password ({error.reason or error})"
        return Result("tls", "failed", text)
    except (OSError, ValueError) as error:
        return Result("tls", "failed", f"{cert}, {key}: {described(error)}")
    judged = certificates.judge("tls", shown, datetime.now(UTC), _mismatch(http, shown.names))
    if judged.state == "failed" or not http.port:
        return judged
    try:
        running = await certificates.at_port(_reached(http.host), http.port)
    except (OSError, certificates.NoTls):  # `server` says whether it is there
        return judged
    if running.leaf != shown.leaf:
        text = f"the server that runs has another certificate than {cert}: restart it"
        return Result("tls", "warning", text)
    return judged


def _mismatch(http: Http, names: list[str]) -> str | None:
    """Why clients won't find the name that they are told; unknown when it listens everywhere."""
    host = URL(http.base_url).host or ""
    if _is_everywhere(host) or certificates.covers(names, host):
        return None
    return f"not for {host}, which applications are told (http.public_url)"


def _reached(host: str) -> str:
    """Where a server that listens there is reached from its own machine."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)  # noqa: S104


def _origin(url: str) -> str:
    """Scheme, host and port: path and query may be secret."""
    return str(URL(url).origin())


def _is_everywhere(host: str) -> bool:
    return certificates.is_address(host) and ip_address(host).is_unspecified


def _is_local(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
