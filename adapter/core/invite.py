"""What the INVITE of an inbound call says beside who is calling whom: its headers, read once.

Not here: how they are read (`adapter.ari.commands`), what a front end makes of them.

Source: RFC 3261, 7.3.1 (header names), 20.10 and 25.1 (name-addr, addr-spec).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

_QUOTED = re.compile(r'\s*"((?:[^"\\]|\\.)*)"\s*')
_ESCAPE = re.compile(r"\\(.)")
_URI = re.compile(r"(?:sips?|tel):([^@;>?\s]*)(?:@([^;>?\s]*))?", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Invite:
    """An INVITE, as far as it can be read.

    Attributes:
        headers: all values of each header, in their order; the names as they came.
        source: IP address that it came from; empty when it is not known.
    """

    headers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    source: str = ""

    def all(self, name: str) -> tuple[str, ...]:
        """The values of a header; names are the same in any case."""
        wanted = name.lower()
        found = (values for key, values in self.headers.items() if key.lower() == wanted)
        return tuple(value for values in found for value in values)

    def first(self, name: str) -> str:
        """The first value of a header; empty when there is none."""
        return next(iter(self.all(name)), "")


@dataclass(frozen=True, slots=True)
class Address:
    """A name-addr: display name, user and host; what is not there is empty."""

    display: str = ""
    user: str = ""
    host: str = ""


def parse_address(text: str) -> Address:
    """Read ``"Display" <sip:user@host>``. What is no address gives empty fields."""
    quoted = _QUOTED.match(text)
    if quoted:
        display = _ESCAPE.sub(r"\1", quoted.group(1))
        rest = text[quoted.end() :]
    else:
        before, bracket, rest = text.partition("<")
        display = before.strip() if bracket else ""
        rest = rest if bracket else text
    uri = _URI.search(rest)
    if uri is None:
        return Address(display)
    user, host = uri.group(1), uri.group(2)
    if host is None and not uri.group().lower().startswith("tel:"):
        return Address(display, "", user)  # a SIP URI without a user
    return Address(display, user.partition(":")[0], host or "")
