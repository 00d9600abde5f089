"""What is reached over the network: applications, our own port, and its TLS.

Applications are connected to and sent nothing: a webhook that is none would be work for them.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Final

import aiohttp
from cryptography import x509
from yarl import URL

from adapter.commands.diagnosis import Result, Results, described
from adapter.outbox.egress import Policy
from adapter.settings import Http

_CONNECT: Final = 3.0  # seconds
_AT_ONCE: Final = 16
_MOST: Final = 64  # hosts that are connected to
_SOON: Final = timedelta(days=14)
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
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "": "127.0.0.1"}.get(http.host, http.host)  # noqa: S104
    url = f"{'https' if http.tls_cert else 'http'}://{host}:{http.port}/readyz"
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_CONNECT)) as session,
            session.get(url, ssl=False) as answer,  # its name is for others; see `tls`
        ):
            said = (await answer.content.read(_LARGEST)).decode(errors="replace")
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
        yield await asyncio.to_thread(certificate, http.tls_cert, http.tls_key, datetime.now(UTC))
    elif _is_local(http.host):
        yield Result("tls", "ok", "off; only this machine can reach the port")
    elif http.base_url.startswith("https:"):
        yield Result("tls", "ok", "off; http.public_url says that a proxy has it")
    else:
        text = f"off at {http.host}: passwords cross the network in the clear, unless a proxy"
        yield Result("tls", "warning", f"{text} in front has TLS (http.tls_cert, http.public_url)")


def certificate(cert: Path, key: Path, now: datetime) -> Result:
    """Judge a certificate with its key, both PEM files."""
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key, password=lambda: b"")  # do not ask for one
        first = x509.load_pem_x509_certificates(cert.read_bytes())[0]
    except ssl.SSLError as error:
        text = f"{key} is not the key of {cert}, or has a password ({error.reason or error})"
        return Result("tls", "failed", text)
    except (OSError, ValueError) as error:
        return Result("tls", "failed", f"{cert}, {key}: {described(error)}")
    end = first.not_valid_after_utc
    if end <= now:
        return Result("tls", "failed", f"{cert} expired at {end:%Y-%m-%d %H:%M} UTC: renew it")
    if end - now < _SOON:
        return Result("tls", "warning", f"{cert} expires at {end:%Y-%m-%d %H:%M} UTC: renew it")
    return Result("tls", "ok", f"{cert} is good until {end:%Y-%m-%d}")


def _origin(url: str) -> str:
    """Scheme, host and port: path and query may be secret."""
    return str(URL(url).origin())


def _is_local(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
