"""`placeivrcall`: the request, and what of it goes into the INVITE, checked against hostile input.

Source: mediaservice.txt ("/{domain}/placeivrcall"). Asterisk writes CR and LF of a header's value
to the wire (lab.md, 2), so nothing with a control character leaves this module. The name of a
header becomes an argument of a dialplan function: letters, digits, dots, `_` and `-` only.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final

import msgspec
from msgspec import UNSET, Meta, Struct

from adapter.contracts.mediaservice.errors import bad_request

log = logging.getLogger(__name__)

MAX_HEADERS: Final = 32
MAX_VALUE: Final = 512
MAX_ALL: Final = 4096
"""Characters of all headers, names included; more does not fit the datagrams that SIP goes in."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_HEADER = re.compile(r"[XP]-[A-Za-z0-9._-]{1,62}", re.IGNORECASE)
_IDENTITIES = frozenset({"p-asserted-identity", "p-preferred-identity"})
_USER = re.compile(r"[A-Za-z0-9+*#._~-]{1,64}")
_PARAMETER = re.compile(r"[A-Za-z0-9._-]{1,64}")

Text = Annotated[str, Meta(max_length=256)]


class PlaceIvrCall(Struct, kw_only=True):
    """`POST /{domain}/placeivrcall`."""

    destAddr: Annotated[
        str, Meta(max_length=300, description="SIP URI, or a number for the domain's trunk")
    ] = ""
    sipFrom: Annotated[Any, Meta(description="number or user shown to who is called")] = None
    displayName: Text | None = None
    callerPrivacy: bool | None = None
    sipDiversion: Annotated[Any, Meta(description="number of the Diversion header")] = None
    sipDiversionParameters: dict[str, Any] | None = None
    xHeaders: dict[str, Any] | None = None
    pHeaders: dict[str, Any] | None = None
    contactParameters: Annotated[Any, Meta(description="accepted; cannot be set")] = None
    contactUserParameters: Annotated[Any, Meta(description="accepted; cannot be set")] = None
    maxRingTime: Annotated[float, Meta(gt=0, le=600, description="seconds")] | None = None
    mediaserviceId: Text | None = None
    sessionReferenceId: Annotated[Any, Meta(description="given back with each callback")] = UNSET
    traceId: Text | None = None


request = msgspec.json.Decoder(PlaceIvrCall)


def user(name: str, value: Any) -> str:
    """A number or user name, for the user part of a SIP address; empty when it was not given.

    Raises:
        Problem: 400, naming the key.
    """
    if value is None or value == "":
        return ""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or not _USER.fullmatch(value):
        raise bad_request(f"{name} is not a number or user name")
    return value


def display_name(value: str | None) -> str:
    """A display name.

    Raises:
        Problem: 400.
    """
    if value and _CONTROL.search(value):
        raise bad_request("displayName has control characters")
    return value or ""


def headers(body: PlaceIvrCall) -> tuple[tuple[str, str], ...]:
    """The further headers of the INVITE, a repeated one several times.

    Raises:
        Problem: 400, naming the key and what is wrong.
    """
    made = tuple(
        header
        for key, prefix in (("xHeaders", "x-"), ("pHeaders", "p-"))
        for header in _headers(key, prefix, getattr(body, key) or {})
    )
    if len(made) > MAX_HEADERS or sum(len(n) + len(v) for n, v in made) > MAX_ALL:
        raise bad_request(f"more than {MAX_HEADERS} headers, or {MAX_ALL} characters of them")
    return made


def diversion(body: PlaceIvrCall, domain: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    """What goes into the Diversion header (RFC 5806, 6).

    Returns:
        The number, for Asterisk to make the header of; or, when there are parameters, an empty one
        and the whole header.

    Raises:
        Problem: 400.
    """
    number = user("sipDiversion", body.sipDiversion)
    given = body.sipDiversionParameters
    if not number or not given:
        return number, ()
    parameters = "".join(f";{name}={value}" for name, value in _parameters(given))
    return "", (("Diversion", f"<sip:{number}@{domain}>{parameters}"),)


def note_what_cannot_be_set(body: PlaceIvrCall, domain: str) -> None:
    """The request is carried out; the log says what Asterisk cannot do (mediaservice.md, Media)."""
    for key in ("contactParameters", "contactUserParameters"):
        if getattr(body, key):
            log.warning("cannot be set on a call", extra={"domain": domain, "key": key})


def _headers(key: str, prefix: str, given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in given.items():
        if not _HEADER.fullmatch(name) or not name.lower().startswith(prefix):
            raise bad_request(f"{key} has a name that is not {prefix.upper()} and a token")
        if name.lower() in _IDENTITIES:
            raise bad_request(f"{key} cannot set {name}: sipFrom and displayName do")
        for one in value if isinstance(value, list) else [value]:
            if one is not None:
                yield name, _text(f"{key}: {name}", one)


def _parameters(given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if len(given) > MAX_HEADERS:
        raise bad_request("sipDiversionParameters has too many keys")
    for name, value in given.items():
        text = _text("sipDiversionParameters", value)
        if not _PARAMETER.fullmatch(name):
            raise bad_request("sipDiversionParameters has a name that is no token")
        if not _PARAMETER.fullmatch(text):
            escaped = text.replace("\\", "\\\\").replace('"', '\\"')
            text = f'"{escaped}"'
        yield name, text


def _text(what: str, value: Any) -> str:
    """A value as the text of a header."""
    if isinstance(value, bool):
        value = "true" if value else "false"
    elif isinstance(value, int | float):
        value = str(value)
    if not isinstance(value, str) or len(value) > MAX_VALUE:
        raise bad_request(f"{what} is not a text of at most {MAX_VALUE} characters")
    if _CONTROL.search(value):
        raise bad_request(f"{what} has control characters")
    return value
