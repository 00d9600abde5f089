"""Checks of single fields: each returns the canonical form, or raises ValueError: why not."""

from __future__ import annotations

import re
from collections.abc import Callable
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Final

from adapter.contracts.admin import keys
from adapter.core.destinations import DestinationInvalid, Destinations
from adapter.core.masked import Secret
from adapter.core.tenants import DEFAULT_GREETING_NAME
from adapter.tables import Check

_KEY = re.compile(r"[\x21-\x7e]{16,256}")
_PASSWORD = re.compile(r"[\x21-\x7e]{8,128}")
_TRUNK_PASSWORD = re.compile(r"[\x20-\x7e]{1,128}")
_NAME = re.compile(r'[^\x00-\x1f\x7f-\x9f"<>\\\ud800-\udfff]{1,64}')
_VOICE = re.compile(r"[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8})*/[^/\x00-\x1f\x7f\ud800-\udfff]{1,64}")
_VARIETY: Final = 6  # different characters in a key: keeps out what is typed with one finger


def checked(check: Callable[[str], object]) -> Check:
    """A check that leaves the value as it is."""

    def run(value: str) -> str:
        check(value)
        return value

    return run


def key(key: Secret) -> Secret:
    """An app's key."""
    text = key.reveal()
    if not _KEY.fullmatch(text):
        raise ValueError("a key has 16 to 256 printable ASCII characters without spaces")
    if len(set(text)) < _VARIETY:
        raise ValueError(f"a key has at least {_VARIETY} different characters; make it at random")
    return key


def password(password: Secret) -> Secret:
    """A phone's password."""
    if not _PASSWORD.fullmatch(password.reveal()):
        raise ValueError("a password has 8 to 128 printable ASCII characters without spaces")
    return password


def trunk_password(password: Secret) -> Secret:
    """A trunk's password, as the carrier gave it."""
    if not _TRUNK_PASSWORD.fullmatch(password.reveal()):
        raise ValueError("a password has 1 to 128 printable ASCII characters")
    return password


def display_name(name: str) -> str:
    """What stands in front of a number in a SIP header."""
    if not _NAME.fullmatch(name):
        raise ValueError('up to 64 characters, none of them ", <, >, \\ or a control character')
    return name


def destinations(rules: tuple[str, ...]) -> tuple[str, ...]:
    """`allowed_destinations`."""
    for index, rule in enumerate(rules):
        try:
            Destinations((rule,))
        except DestinationInvalid as invalid:
            raise ValueError(f"[{index}] {invalid.reason}") from None
    return rules


def networks(entries: tuple[str, ...]) -> tuple[str, ...]:
    """Addresses and networks in their one canonical form."""
    networks = []
    for index, entry in enumerate(entries):
        try:
            network = ip_network(entry)
        except ValueError:
            raise ValueError(
                f"[{index}] is not an address or a network such as 192.0.2.0/24"
            ) from None
        if network.prefixlen == 0:
            raise ValueError(f"[{index}] would take every call for one of this trunk's")
        single = network.prefixlen == network.max_prefixlen
        networks.append(str(network.network_address if single else network))
    return tuple(networks)


def overlap(one: IPv4Network | IPv6Network, other: IPv4Network | IPv6Network) -> bool:
    """Whether an address can be in both."""
    if isinstance(one, IPv4Network):
        return isinstance(other, IPv4Network) and one.overlaps(other)
    return isinstance(other, IPv6Network) and one.overlaps(other)


def plain(number: str) -> str:
    """A number without its plus: it is the same with and without."""
    return number.removeprefix("+")


def service(service: str) -> str:
    """Only what exists."""
    if service not in ("voice", "ivr"):
        raise ValueError(f"{service!r} is not available yet")
    return service


def api_password(password: Secret) -> Secret:
    """The password of a domain's API user: a machine's, like an app's key."""
    try:
        return key(password)
    except ValueError as error:
        raise ValueError(str(error).replace("a key", "a password", 1)) from None


def voices(voices: dict[str, str]) -> dict[str, str]:
    """Which of our voices speaks for each of theirs."""
    for name, ours in voices.items():
        if not _VOICE.fullmatch(ours):
            raise ValueError(f"{name!r} stands for no language/voice, such as en-US/female")
    return voices


def signing_key(pem: Secret) -> Secret:
    """A private key."""
    return Secret(keys.private_key(pem.reveal()))


def not_default(name: str) -> str:
    """A prompt's name; one is taken."""
    if name == DEFAULT_GREETING_NAME:
        raise ValueError(f"{name!r} is the prompt that is shipped")
    return name
