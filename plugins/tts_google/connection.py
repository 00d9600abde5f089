"""The settings, and the connection to Google that they mean: TLS and Google's own credentials.

Application Default Credentials come from the environment (GOOGLE_APPLICATION_CREDENTIALS, or the
machine's own account); no setting holds a key. Without TLS no credentials are sent, and only this
machine is spoken to.
"""

from __future__ import annotations

import asyncio
import ipaddress
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

import google.auth
import grpc
from google.auth.credentials import Credentials
from google.auth.exceptions import GoogleAuthError
from google.cloud.texttospeech_v1 import TextToSpeechAsyncClient
from google.cloud.texttospeech_v1.services.text_to_speech.transports import (
    TextToSpeechGrpcAsyncIOTransport as Transport,
)

from adapter.plugin_api import CannotStart
from plugins.tts_google.voices import FAMILIES

ENDPOINT: Final = "texttospeech.googleapis.com"
TIMEOUT: Final = 5.0
RATE: Final = 16000
LARGEST: Final = 64 << 20  # bytes of an answer: 35 minutes at 16 kHz

_ENDPOINT = re.compile(r"([A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\])(:\d{1,5})?")
_OPTIONS = [("grpc.max_receive_message_length", LARGEST)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The plug-in's own table of the settings file, checked.

    Attributes:
        endpoint: host, or host:port, of the service: the general one or a regional one.
        insecure: plain text and no credentials, to this machine only.
        timeout: seconds for one text.
        families: of the voices that may be used, the preferred one first.
        sample_rate: Hz.
    """

    endpoint: str = ENDPOINT
    insecure: bool = False
    timeout: float = TIMEOUT
    families: tuple[str, ...] = FAMILIES
    sample_rate: int = RATE

    @classmethod
    def read(cls, settings: Mapping[str, object]) -> Self:
        """Check the table.

        Raises:
            CannotStart: a key is unknown or a value is wrong; the text names it.
        """
        unknown = sorted(set(settings) - set(cls.__dataclass_fields__))
        if unknown:
            raise CannotStart(f"unknown setting {unknown[0]!r}")
        insecure = settings.get("insecure", False)
        if not isinstance(insecure, bool):
            raise CannotStart("`insecure` is true or false")
        return cls(
            endpoint=_endpoint(settings.get("endpoint", ENDPOINT), insecure),
            insecure=insecure,
            timeout=_timeout(settings.get("timeout", TIMEOUT)),
            families=_families(settings.get("families", FAMILIES)),
            sample_rate=_sample_rate(settings.get("sample_rate", RATE)),
        )


async def connect(options: Options) -> TextToSpeechAsyncClient:
    """A client; nothing is sent yet but what the credentials need.

    Raises:
        CannotStart: there are no credentials.
    """
    if options.insecure:
        channel = grpc.aio.insecure_channel(options.endpoint, _OPTIONS)
        return _client(Transport(channel=channel))
    credentials = await asyncio.to_thread(_credentials)
    return _client(
        Transport(
            host=options.endpoint,
            credentials=credentials,
            channel=_secure_channel,
            always_use_jwt_access=True,
        )
    )


async def hang_up(client: TextToSpeechAsyncClient) -> None:
    """Close the connection; requests under way are given up."""
    await client.transport.close()  # type: ignore[no-untyped-call]


def _client(transport: Transport) -> TextToSpeechAsyncClient:
    # Google puts its debug log between: an interceptor, whose request grpc.aio does not cancel when
    # the cancel comes early, so that Google would speak on and send a bill for it
    transport.grpc_channel._unary_unary_interceptors.clear()
    return TextToSpeechAsyncClient(transport=transport)


def _credentials() -> Credentials:
    try:
        found, _ = google.auth.default(default_scopes=Transport.AUTH_SCOPES)
    except (GoogleAuthError, OSError, ValueError) as fault:
        raise CannotStart(
            "no credentials for Google Cloud: let GOOGLE_APPLICATION_CREDENTIALS name the key file"
            f" of a service account, or give this machine one ({type(fault).__name__})"
        ) from fault
    return found


def _secure_channel(host: str, **given: Any) -> grpc.aio.Channel:
    return Transport.create_channel(host, **{**given, "options": _OPTIONS})


def _endpoint(value: object, insecure: bool) -> str:
    match = _ENDPOINT.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise CannotStart("`endpoint` is a host name or host:port, without https://")
    if insecure and not _is_this_machine(match[1].strip("[]")):
        raise CannotStart("`insecure` is for an `endpoint` on this machine only: 127.0.0.1:port")
    return match[0]


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _timeout(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise CannotStart("`timeout` is a number of seconds")
    if not (math.isfinite(value) and value > 0):
        raise CannotStart("`timeout` is more than 0 s")
    return float(value)


def _families(value: object) -> tuple[str, ...]:
    names = value.split(",") if isinstance(value, str) else value  # from the environment
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
        raise CannotStart("`families` is a list of names like 'Standard'")
    families = tuple(stripped for name in names if (stripped := name.strip()))
    if not families:
        raise CannotStart("`families` names at least one family of voices")
    return families


def _sample_rate(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value not in (8000, 16000):
        raise CannotStart("`sample_rate` is 8000 or 16000")
    return value
