"""One attempt to deliver a webhook: a POST, and what came of it as a value. It never retries."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus

from aiohttp import (
    ClientConnectorDNSError,
    ClientConnectorError,
    ClientError,
    ClientResponse,
    ClientSession,
    ClientSSLError,
    ClientTimeout,
    InvalidURL,
    NonHttpUrlClientError,
)

from adapter.outbox.egress import EgressRefused

ANSWER_LIMIT = 64 * 1024
"""Bytes of an answer that are read, and discarded, so that the connection can be used again."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of an attempt.

    Attributes:
        status: HTTP status, None when there was no answer.
        fault: None when the message was acknowledged, else one of a few words, for metrics:
            ``status``, ``redirect``, ``gone``, ``timeout``, ``refused``, ``dns``, ``connect``,
            ``tls``, ``url``, ``broken`` (the connection), ``internal``.
        error: the same for people.
        retry_after: the header of that name.
    """

    status: int | None
    fault: str | None = None
    error: str | None = None
    retry_after: str | None = None


async def post(
    session: ClientSession,
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    timeout: float,
) -> Answer:
    """Send once. Any 2xx is an acknowledgement; a redirect is not followed.

    Args:
        session: of `adapter.outbox.egress.open_session`.
        url: where to.
        body: sent as it is.
        headers: all that are to be sent beside what HTTP needs.
        timeout: seconds for everything: name, connection, request, and the whole answer.
    """
    try:
        async with session.post(
            url,
            data=body,
            headers=headers,
            allow_redirects=False,
            timeout=ClientTimeout(total=timeout),
        ) as response:
            # The status is the verdict; a body that breaks off changes nothing.
            with suppress(ClientError, TimeoutError, OSError):
                await _discard(response)
            return _judge(response)
    except (EgressRefused, ClientError, OSError, ValueError) as error:
        return _explain(error, timeout)


def _explain(error: Exception, timeout: float) -> Answer:
    """Why there was no answer."""
    match error:
        case EgressRefused():
            return Answer(None, "refused", str(error))
        case TimeoutError():
            return Answer(None, "timeout", f"no answer within {timeout:g} s")
        case ClientConnectorDNSError():
            return Answer(None, "dns", "the host name cannot be resolved")
        case ClientSSLError():
            return Answer(None, "tls", f"TLS: {error}")
        case ClientConnectorError():
            return Answer(None, "connect", f"no connection: {error.os_error.strerror or error}")
        case InvalidURL() | NonHttpUrlClientError() | ValueError():
            return Answer(None, "url", f"not a URL that can be called: {error}")
    text = str(error) or type(error).__name__
    return Answer(None, "broken", f"the connection broke: {text}")


async def _discard(response: ClientResponse) -> None:
    """Read the rest of an answer. One that is longer than the limit costs its connection."""
    left = ANSWER_LIMIT
    while left > 0 and (chunk := await response.content.read(left)):
        left -= len(chunk)


def _judge(response: ClientResponse) -> Answer:
    status = response.status
    if 200 <= status < 300:
        return Answer(status)
    fault, error = "status", f"HTTP {status}"
    if 300 <= status < 400:
        fault = "redirect"
        error = f"HTTP {status}: redirects are not followed, register the final URL"
    elif status == HTTPStatus.GONE:
        fault, error = "gone", "HTTP 410: the endpoint says it is gone"
    return Answer(status, fault, error, response.headers.get("Retry-After"))
