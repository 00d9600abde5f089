"""Reading an INVITE's headers: names in any case, repeated ones, and addresses of all shapes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapter.core.invite import Address, Invite, parse_address


def test_headers() -> None:
    """Names are the same in any case, and a header may be there several times."""
    invite = Invite(headers={"X-Room": ("1", "2"), "x-room": ("3",), "Subject": ("Hello",)})
    assert invite.all("x-rOOM") == ("1", "2", "3")
    assert invite.first("subject") == "Hello"
    assert invite.first("Privacy") == ""


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("<sip:+4612@host>;tag=1", Address("", "+4612", "host")),
        ("sip:anna@host:5070;tag=1", Address("", "anna", "host:5070")),
        ('"Carl \\"C\\" Carlsson" <sips:c@h;user=phone>', Address('Carl "C" Carlsson', "c", "h")),
        ('"a <sip:evil@x>" <sip:b@h>', Address("a <sip:evil@x>", "b", "h")),
        ("Carl Carlsson <sip:c@h>", Address("Carl Carlsson", "c", "h")),
        ("<tel:+4612;phone-context=x>", Address("", "+4612", "")),
        ('"Anonymous" <sip:anonymous@anonymous.invalid>;tag=2',
         Address("Anonymous", "anonymous", "anonymous.invalid")),
        ("<sip:host>", Address("", "", "host")),
        ("<sip:user:password@host>", Address("", "user", "host")),
        ("<mailto:a@b>", Address()),
        ("", Address()),
    ],
)  # fmt: skip
def test_addresses(text: str, address: Address) -> None:
    """Display name, user and host (RFC 3261, 20.10, 20.31); a password is no part of them."""
    assert parse_address(text) == address


@given(st.text(alphabet='<>"\\@:;sip tel+1', max_size=30))
def test_any_text_is_read(text: str) -> None:
    """What is no address has empty fields, and nothing raises."""
    found = parse_address(text)
    assert "@" not in found.user
