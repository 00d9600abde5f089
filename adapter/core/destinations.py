"""Where a call may go: text from outside -> a checked destination -> the dial string.

No text from outside is ever part of a dial string as it came: `parse_destination` takes it apart,
`Destinations` decides, and `dial_string` builds a string that can only have one of three forms::

    PJSIP/<number>@trunk-<trunk>            a number, through a trunk
    PJSIP/sip-uri/sip:<user>@<host>...      a SIP address, through an endpoint without credentials
    PJSIP/<extension>                       one of our own phones

Why so strict: a technology or context in the string would enter our own dialplan, and what follows
a ``?`` becomes SIP headers (seen with Asterisk 22, lab.md, 3). A SIP address does not go through a
trunk, because Asterisk would answer a stranger's challenge with the trunk's password.

Sources: RFC 3261, 19.1 and 25.1 (SIP URI); RFC 1123, 2.1 (host names).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import Final, Literal, TypeAlias

from adapter.core.premium import explicit_length

SIP_URI_ENDPOINT: Final = "sip-uri"
"""The static endpoint in pjsip.conf that dials SIP addresses; it has no credentials."""

LONGEST: Final = 300

Transport: TypeAlias = Literal["udp", "tcp", "tls"]
_TRANSPORTS: Final[dict[str, Transport]] = {"udp": "udp", "tcp": "tcp", "tls": "tls"}

_NUMBER = re.compile(r"(\+?)([0-9*#]{1,32})")
_USER = re.compile(r"[A-Za-z0-9._~*+-]{1,64}")
_PORT = re.compile(r"[1-9][0-9]{0,4}")
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_NAME = re.compile(rf"(?=.{{1,253}}\Z)(?:{_LABEL}\.)*{_LABEL}")
_NUMERIC = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)")
_TRUNK = re.compile(r"[a-z](?:[a-z0-9_-]{0,30}[a-z0-9])?")
_EXTENSION = re.compile(r"[0-9]{1,16}(?:\*[0-9]{1,15})?")
_PREFIX = re.compile(r"\+?[0-9*#]{1,32}")
_SPELLING = str.maketrans("", "", "+-._~")
_NUMERIC_USER = re.compile(r"[0-9*]+")
_DIAL = re.compile(
    r"PJSIP/(?:"
    rf"\+?[0-9*#]{{1,32}}@trunk-{_TRUNK.pattern}"
    rf"|{SIP_URI_ENDPOINT}/sips?:{_USER.pattern}@(?:[a-z0-9.-]{{1,253}}|\[[0-9a-f:]{{2,39}}\])"
    r"(?::[1-9][0-9]{0,4})?(?:;transport=(?:udp|tcp|tls))?"
    rf"|{_EXTENSION.pattern})"
)


class DestinationInvalid(ValueError):
    """This is no destination, or no rule about destinations.

    Attributes:
        reason: what is wrong, for whoever sent it; never repeats what was sent.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Number:
    """A telephone number.

    Attributes:
        digits: without the plus; may have ``*`` and ``#``.
        plus: whether it came with a leading plus. Numbers are the same with and without.
    """

    digits: str
    plus: bool = False

    def __str__(self) -> str:
        return f"+{self.digits}" if self.plus else self.digits


@dataclass(frozen=True, slots=True)
class SipUri:
    """A SIP address without headers, password or parameters, but for the transport.

    Attributes:
        user: letters, digits and ``._~*+-``.
        host: DNS name in lower case, IPv4 address, or IPv6 address without its brackets.
        port: None when it was not given.
        transport: None when it was not given.
        secure: ``sips:``.
    """

    user: str
    host: str
    port: int | None = None
    transport: Transport | None = None
    secure: bool = False

    def __str__(self) -> str:
        scheme = "sips" if self.secure else "sip"
        return f"{scheme}:{self.user}@{_tail(self.host, self.port, self.transport)}"

    @property
    def effective_port(self) -> int:
        """The port, or the default one of its transport (RFC 3261, 19.1.2)."""
        if self.port is not None:
            return self.port
        return 5061 if self.secure or self.transport == "tls" else 5060


Destination: TypeAlias = Number | SipUri


def parse_destination(text: str) -> Destination:
    """Read what an application wants to call.

    Args:
        text: a number, or a ``sip:`` or ``sips:`` URI.

    Raises:
        DestinationInvalid: it is neither, or has something that we do not dial.
    """
    if match := _NUMBER.fullmatch(text):
        return Number(match[2], plus=bool(match[1]))
    if len(text) > LONGEST:
        raise DestinationInvalid(f"a destination has at most {LONGEST} characters")
    scheme, colon, rest = text.partition(":")
    if not colon or scheme.lower() not in ("sip", "sips"):
        raise DestinationInvalid("not a number of up to 32 digits, * and #, nor a sip: URI")
    user, at, tail = rest.partition("@")
    if not at:
        raise DestinationInvalid("a SIP URI needs a user and a host")
    if not _USER.fullmatch(user):
        raise DestinationInvalid("the user of a SIP URI is up to 64 letters, digits and ._~*+-")
    secure = scheme.lower() == "sips"
    host, port, transport = parse_host(tail)
    if secure and transport == "udp":
        raise DestinationInvalid("sips does not go over udp")
    return SipUri(user, host, port, transport, secure)


def parse_host(text: str) -> tuple[str, int | None, Transport | None]:
    """Read ``host[:port][;transport=udp|tcp|tls]``, the end of a SIP URI.

    Returns:
        Host (in lower case, IPv6 without brackets), port and transport.

    Raises:
        DestinationInvalid: it is something else.
    """
    address, semicolon, parameter = text.partition(";")
    transport: Transport | None = None
    if semicolon:
        name, _, value = parameter.partition("=")
        transport = _TRANSPORTS.get(value.lower()) if name.lower() == "transport" else None
        if transport is None:
            raise DestinationInvalid("a SIP URI may have ;transport=udp, tcp or tls, nothing else")
    host, port = _split_port(address)
    return _host(host), port, transport


def sip_host(text: str) -> str:
    """A trunk's address ``sip:host[:port][;transport=udp|tcp|tls]`` in its canonical form.

    Raises:
        DestinationInvalid: it is something else.
    """
    scheme, _, tail = text.partition(":")
    if scheme.lower() != "sip":
        raise DestinationInvalid("not of the form sip:host[:port][;transport=udp|tcp|tls]")
    if "@" in tail:
        raise DestinationInvalid("names a user; only a host is wanted here")
    return "sip:" + _tail(*parse_host(tail))


class Destinations:
    """The rules of one app, `allowed_destinations`.

    A rule is a prefix of numbers (``+46``, ``1555``; plus or not is the same), ``*`` for every
    number, or a SIP host: ``sip:example.com``, ``sip:*.example.com`` (its subdomains, not itself),
    ``sip:127.0.0.1:5080`` (that port only; without a port: all). ``sips:`` allows only secure
    ones. A ``!`` in front forbids. The most specific rule that matches decides: the longest prefix,
    the longest host, a port before none; between equals the one that forbids. No rule that matches,
    or no rules at all: not allowed.

    Ranges of `adapter.core.premium` are refused all the same, unless the prefix that decides is at
    least as long as the range as it is written: ``+1876`` allows Jamaica, ``+1`` and ``*`` do not.
    That holds for the user part of a SIP address too, when it is such a number.

    Raises:
        DestinationInvalid: a rule is none of these; the reason names it.
    """

    __slots__ = ("_hosts", "_prefixes")

    def __init__(self, rules: Iterable[str]) -> None:
        self._prefixes: list[tuple[str, bool]] = []
        self._hosts: list[_HostRule] = []
        for rule in rules:
            allow = not rule.startswith("!")
            text = rule.removeprefix("!")
            if text == "*":
                self._prefixes.append(("", allow))
            elif _PREFIX.fullmatch(text):
                self._prefixes.append((text.removeprefix("+"), allow))
            else:
                self._hosts.append(_host_rule(rule, text, allow))

    def allows(self, destination: Destination) -> bool:
        """Whether the app may call there."""
        if isinstance(destination, Number):
            named = self._named(destination.digits)
            return named is not None and named >= explicit_length(destination.digits)
        hosts = [rule.weight for rule in self._hosts if rule.matches(destination)]
        if not hosts or max(hosts)[-1]:
            return False
        digits = destination.user.translate(_SPELLING)
        needed = explicit_length(digits) if _NUMERIC_USER.fullmatch(digits) else 0
        return needed == 0 or (self._named(digits) or 0) >= needed

    def _named(self, digits: str) -> int | None:
        """Length of the prefix that allows a number; None when it is not allowed."""
        rules = [(len(p), not allow) for p, allow in self._prefixes if digits.startswith(p)]
        length, forbidden = max(rules, default=(0, True))
        return None if forbidden else length


@dataclass(frozen=True, slots=True)
class _HostRule:
    host: str
    wildcard: bool
    port: int | None
    secure: bool
    allow: bool

    @property
    def weight(self) -> tuple[bool, int, bool, bool, bool]:
        """How specific it is, and last, whether it forbids: the greatest decides."""
        return (
            not self.wildcard, len(self.host), self.port is not None, self.secure, not self.allow
        )  # fmt: skip

    def matches(self, uri: SipUri) -> bool:
        """Whether it is about this address."""
        same = uri.host.endswith("." + self.host) if self.wildcard else uri.host == self.host
        return (
            same
            and self.port in (None, uri.effective_port)
            and (uri.secure or not self.secure)
        )  # fmt: skip


def trunk_endpoint(name: str) -> str:
    """The endpoint's name in Asterisk of a trunk.

    Raises:
        DestinationInvalid: not a name for a trunk.
    """
    if not _TRUNK.fullmatch(name):
        raise DestinationInvalid(
            "a trunk's name is up to 32 lower-case letters, digits, - and _, a letter first"
        )
    return f"trunk-{name}"


def phone_endpoint(extension: str) -> str:
    """The endpoint's name in Asterisk of a phone, which is also its SIP user: the extension.

    Raises:
        DestinationInvalid: not an extension.
    """
    if not _EXTENSION.fullmatch(extension):
        raise DestinationInvalid(
            "an extension is digits, perhaps with one * between them: 0003*210"
        )
    return extension


def is_of_ours(endpoint: str) -> bool:
    """Whether `trunk_endpoint` or `phone_endpoint` makes this name."""
    kind, dash, trunk = endpoint.partition("-")
    if dash:
        return kind == "trunk" and _TRUNK.fullmatch(trunk) is not None
    return _EXTENSION.fullmatch(endpoint) is not None


def dial_string(destination: Destination, trunk: str) -> str:
    """What Asterisk is told to dial.

    Args:
        destination: a number goes through the trunk, a SIP address through `SIP_URI_ENDPOINT`.
        trunk: the trunk's name.

    Raises:
        DestinationInvalid: a value was not made by `parse_destination`, or it is no trunk's name.
    """
    if isinstance(destination, Number):
        return _sealed(f"PJSIP/{destination}@{trunk_endpoint(trunk)}")
    return _sealed(f"PJSIP/{SIP_URI_ENDPOINT}/{destination}")


def trunk_of(endpoint: str) -> str:
    """Name of the trunk in what `dial_string` made; "" when it goes through none."""
    if endpoint.startswith(f"PJSIP/{SIP_URI_ENDPOINT}/"):
        return ""  # its host may look like a trunk
    return endpoint.partition("@trunk-")[2]


def phone_dial_string(extension: str) -> str:
    """What Asterisk is told to dial for one of our own phones.

    Raises:
        DestinationInvalid: not an extension.
    """
    return _sealed(f"PJSIP/{phone_endpoint(extension)}")


def _sealed(text: str) -> str:
    """The last look: nothing of another form leaves this module, whoever made the values."""
    if not _DIAL.fullmatch(text):
        raise DestinationInvalid("not a checked destination")
    return text


def _host_rule(rule: str, text: str, allow: bool) -> _HostRule:
    scheme, colon, tail = text.partition(":")
    if not colon or scheme.lower() not in ("sip", "sips"):
        raise DestinationInvalid(
            f"{rule!r} is not a prefix such as +46, nor * for every number, nor sip:host[:port]"
        )
    if "@" in tail or ";" in tail:
        raise DestinationInvalid(f"{rule!r}: a rule names a host and perhaps a port, nothing else")
    wildcard = tail.startswith("*.")
    try:
        host, port, _ = parse_host(tail.removeprefix("*."))
    except DestinationInvalid as invalid:
        raise DestinationInvalid(f"{rule!r}: {invalid.reason}") from None
    if wildcard and (":" in host or _NUMERIC.fullmatch(host)):
        raise DestinationInvalid(f"{rule!r}: an address has no subdomains")
    return _HostRule(host, wildcard, port, scheme.lower() == "sips", allow)


def _split_port(text: str) -> tuple[str, int | None]:
    if text.startswith("["):
        host, bracket, rest = text.partition("]")
        host, colon, digits = host + bracket, rest[:1], rest[1:]
        if not bracket or colon not in ("", ":"):
            raise DestinationInvalid("the host is not valid")
    else:
        host, colon, digits = text.partition(":")
    if not colon:
        return host, None
    if not _PORT.fullmatch(digits) or int(digits) > 65535:
        raise DestinationInvalid("a port is from 1 to 65535")
    return host, int(digits)


def _host(text: str) -> str:
    """A host in its one canonical form, so that rules cannot be written around."""
    try:
        if text.startswith("["):
            address = IPv6Address(text[1:-1])
            # ::ffff:127.0.0.1 is 127.0.0.1 by another name (RFC 4291, 2.5.5.2).
            if address.ipv4_mapped is not None or address.scope_id is not None:
                raise DestinationInvalid("an IPv6 address with a zone or an IPv4 address in it")
            return address.compressed
        host = text.lower()
        if _NUMERIC.fullmatch(host):
            # Many programs read 2130706433 and 0x7f.1 as 127.0.0.1 (inet_aton(3)).
            return str(IPv4Address(host))
    except AddressValueError:
        raise DestinationInvalid("the address is not in the usual form") from None
    if not text.isascii() or not _NAME.fullmatch(host):
        raise DestinationInvalid("the host is not valid")
    return host


def _tail(host: str, port: int | None, transport: Transport | None) -> str:
    text = f"[{host}]" if ":" in host else host
    if port is not None:
        text += f":{port}"
    if transport is not None:
        text += f";transport={transport}"
    return text
