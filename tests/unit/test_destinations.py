"""Destinations: what may be dialled, who may dial it, and what the dial string can look like."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapter.core.destinations import (
    DestinationInvalid,
    Destinations,
    Number,
    SipUri,
    dial_string,
    is_of_ours,
    parse_destination,
    parse_host,
    phone_dial_string,
    phone_endpoint,
    sip_host,
    trunk_endpoint,
)

# Written apart from the module's own pattern: what Asterisk may ever be given.
DIALLED = re.compile(
    r"PJSIP/\+?[0-9*#]{1,32}@trunk-[a-z][a-z0-9_-]*"
    r"|PJSIP/sip-uri/sips?:[A-Za-z0-9._~*+-]+@([a-z0-9.-]+|\[[0-9a-f:]+\])(:\d{1,5})?"
    r"(;transport=(udp|tcp|tls))?"
)
FORBIDDEN = re.compile(r"[&,?%|<>\"'\s\x00-\x1f\x7f]|Local/|@.*@")

hostile = st.text(
    st.one_of(st.sampled_from("sip:SIPS@;=[].,&?/\\#*+0123456789aZ%\r\n\0 -_~tranpodu"),
              st.characters()),
    max_size=60,
)  # fmt: skip


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("+46123", Number("46123", plus=True)),
        ("46123", Number("46123")),
        ("*21#", Number("*21#")),
        ("sip:bob@example.com", SipUri("bob", "example.com")),
        ("SIP:Bob@Example.COM:5080", SipUri("Bob", "example.com", 5080)),
        ("sips:b@10.0.0.1;transport=TLS", SipUri("b", "10.0.0.1", None, "tls", secure=True)),
        ("sip:+46@[2001:DB8:0::1]:5060", SipUri("+46", "2001:db8::1", 5060)),
        ("sip:0003*210@a;transport=udp", SipUri("0003*210", "a", None, "udp")),
    ],
)
def test_what_is_a_destination(text: str, expected: Number | SipUri) -> None:
    """Numbers and plain SIP URIs are read into their canonical form."""
    assert parse_destination(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        *("", "+", "++46", "46 12", "1" * 33, "٤٦", "46\n", "tel:+46", "Local/1@inbound"),
        *("PJSIP/1@trunk", "bob@example.com", "<sip:bob@example.com>", "sip:", "sip:@a", "sip:a"),
        *("sip:bob@", "sip:b:secret@a", "sip:b@a@c", "sip:b@a?X-Room=1", "sip:b@a;lr"),
        *("sip:b@a;transport=ws", "sip:b@a;transport=udp;lr", "sip:b@a;transport", "sip:b@a,c"),
        *("sip:b&1@a", "sip:b%0d@a", "sip:b@a%0d", "sip:b@a\r\nX: 1", "sip:b\0@a", "sip:b@a b"),
        *("sip:b@a:0", "sip:b@a:65536", "sip:b@a:05060", "sip:b@a:", "sip:b@a:5060x"),
        *("sip:b@-a.com", "sip:b@a..com", "sip:b@a_b", "sip:b@a.", "sip:b@" + "a" * 64),
        *("sip:b@2130706433", "sip:b@127.1", "sip:b@0x7f.1", "sip:b@0177.0.0.1", "sip:b@1.2.3.4.5"),
        *("sip:b@[::1", "sip:b@::1", "sip:b@[::1]x", "sip:b@[fe80::1%eth0]", "sip:b@[]"),
        *("sip:b@[::ffff:127.0.0.1]", "sips:b@a;transport=udp", "sip:b@\u212aelvin.com"),
        "sip:" + "b" * 65 + "@a",
        "sip:b@" + "a." * 150 + "a",
    ],
)
def test_what_is_none(text: str) -> None:
    """Everything else is refused, with a reason that does not repeat it."""
    with pytest.raises(DestinationInvalid) as refused:
        parse_destination(text)
    assert refused.value.reason
    assert len(text) < 8 or text not in refused.value.reason


@given(hostile)
def test_no_text_makes_another_dial_string(text: str) -> None:
    """Whatever comes from outside: a refusal, or a dial string of the known forms."""
    try:
        dialled = dial_string(parse_destination(text), "carrier")
    except DestinationInvalid:
        return
    assert DIALLED.fullmatch(dialled)
    assert not FORBIDDEN.search(dialled)


@given(
    user=st.from_regex(r"\A[A-Za-z0-9._~*+-]{1,64}\Z"),
    host=st.one_of(
        st.from_regex(r"\A[a-z]{1,9}(\.[a-z]{2,9}){0,3}\Z"),
        st.ip_addresses(v=4).map(str),
        st.ip_addresses(v=6).filter(lambda a: a.ipv4_mapped is None).map(lambda a: f"[{a}]"),
    ),
    port=st.one_of(st.just(""), st.integers(1, 65535).map(lambda p: f":{p}")),
    transport=st.sampled_from(["", ";transport=udp", ";transport=tcp", ";transport=tls"]),
)
def test_a_valid_uri_is_dialled_as_it_is(user: str, host: str, port: str, transport: str) -> None:
    """Parsing and building are each other's reverse, and what is built is of the known form."""
    text = f"sip:{user}@{host}{port}{transport}"
    dialled = dial_string(parse_destination(text), "carrier")
    assert dialled == f"PJSIP/sip-uri/{text}"
    assert DIALLED.fullmatch(dialled)
    assert not FORBIDDEN.search(dialled)


@given(user=hostile, host=hostile, number=hostile, trunk=hostile)
def test_values_made_by_hand_are_looked_at_too(
    user: str, host: str, number: str, trunk: str
) -> None:
    """A Number or SipUri that skipped the parser can't bring anything else in."""
    for destination in (Number(number), SipUri(user, host), SipUri("b", host, 99999)):
        try:
            dialled = dial_string(destination, trunk)
        except DestinationInvalid:
            continue
        assert DIALLED.fullmatch(dialled)
        assert not FORBIDDEN.search(dialled)


def test_dial_strings() -> None:
    """Numbers go through the trunk as they were written, SIP addresses never through a trunk."""
    assert dial_string(Number("46123"), "carrier") == "PJSIP/46123@trunk-carrier"
    assert dial_string(Number("46123", plus=True), "carrier") == "PJSIP/+46123@trunk-carrier"
    assert phone_dial_string("0003*210") == "PJSIP/0003*210"
    for name in ("", "Carrier", "a@b", "a/b", "-a", "a" * 33, "a\n"):
        with pytest.raises(DestinationInvalid):
            trunk_endpoint(name)
    for extension in ("", "*", "1**2", "1*", "bob", "1@2", "1\n"):
        with pytest.raises(DestinationInvalid):
            phone_endpoint(extension)


def test_endpoints_of_trunks_and_phones_never_meet() -> None:
    """A trunk's endpoint has a prefix that no extension can have."""
    assert trunk_endpoint("a1") == "trunk-a1"
    assert phone_endpoint("0003*210") == "0003*210"


@pytest.mark.parametrize("name", ["trunk-a1", "trunk-a-b", "0003*210", "7"])
def test_endpoints_of_ours(name: str) -> None:
    """They are known by their names."""
    assert is_of_ours(name)


@pytest.mark.parametrize(
    "name",
    ["", "sip-uri", "trunk", "trunk-", "trunk-A", "trunk-1", "desk-trunk-a", "bob", "1*", "1-2"],
)
def test_endpoints_of_others(name: str) -> None:
    """What neither a trunk nor a phone could be called."""
    assert not is_of_ours(name)


@pytest.mark.parametrize(
    ("rules", "allowed", "refused"),
    [
        ([], [], ["1", "sip:b@a"]),
        (["+46"], ["+46123", "46123"], ["+47", "4", "sip:b@a"]),
        (["1555"], ["+15551", "1555"], ["1554", "555"]),
        (["*"], ["1", "+46", "*21#"], ["sip:b@a"]),
        (["*", "!+1900"], ["+1800"], ["+1900123", "1900"]),
        (["!+1", "+1555"], ["15551"], ["1556"]),
        (["+46", "!46"], [], ["46", "+46"]),
        (["sip:ex.com"], ["sip:b@EX.com:99", "sips:b@ex.com"], ["sip:b@a.ex.com"]),
        (["sip:*.ex.com"], ["sip:b@a.b.ex.com"], ["sip:b@ex.com", "sip:b@xex.com"]),
        (["sip:10.0.0.1:5080"], ["sip:b@10.0.0.1:5080"], ["sip:b@10.0.0.1", "sip:b@10.0.0.1:81"]),
        (["sip:a:5060"], ["sip:b@a"], ["sips:b@a", "sip:b@a;transport=tls"]),
        (["sips:a"], ["sips:b@a"], ["sip:b@a", "sip:b@a;transport=tls"]),
        (["sip:[2001:db8::1]"], ["sip:b@[2001:DB8:0::1]"], ["sip:b@[2001:db8::2]"]),
        (["sip:*.a.com", "!sip:x.a.com"], ["sip:b@y.a.com"], ["sip:b@x.a.com"]),
        (["!sip:a", "sip:a:5080"], ["sip:b@a:5080"], ["sip:b@a"]),
        (["sip:a", "!sip:a"], [], ["sip:b@a"]),
    ],
)  # fmt: skip
def test_rules(rules: list[str], allowed: list[str], refused: list[str]) -> None:
    """The most specific rule decides, between equals the one that forbids; nothing means no."""
    destinations = Destinations(rules)
    assert [text for text in allowed if not destinations.allows(parse_destination(text))] == []
    assert [text for text in refused if destinations.allows(parse_destination(text))] == []


@given(
    rules=st.lists(st.from_regex(r"\A!?(\+?[0-9]{1,4}|\*)\Z"), max_size=6),
    digits=st.from_regex(r"\A[0-9]{1,6}\Z"),
)
def test_order_and_plus_do_not_matter(rules: list[str], digits: str) -> None:
    """The same rules in another order, and a number with or without plus, give the same answer."""
    straight, reverse = Destinations(rules), Destinations(reversed(rules))
    answers = {d.allows(Number(digits, p)) for d in (straight, reverse) for p in (False, True)}
    assert len(answers) == 1


@pytest.mark.parametrize(
    "rule",
    ["", "!", "46x", "example.com", "sip:", "sip:*", "sip:bob@a", "sip:a;lr", "sip:*.1.2.3.4",
     "sip:a:0", "!!46", "* ", "http://a"],
)  # fmt: skip
def test_what_is_no_rule(rule: str) -> None:
    """A rule that would not do what it looks like is refused by name."""
    with pytest.raises(DestinationInvalid, match=re.escape(repr(rule))):
        Destinations([rule])


def test_hosts_of_trunks() -> None:
    """A trunk's address has its canonical form and no user."""
    assert sip_host("SIP:Carrier.Example:5080;transport=TCP") == (
        "sip:carrier.example:5080;transport=tcp"
    )
    assert parse_host("[::1]:5060") == ("::1", 5060, None)
    for text in ("carrier.example", "sips:a", "sip:bob@a", "sip:a;lr", "sip:", "tel:1"):
        with pytest.raises(DestinationInvalid):
            sip_host(text)
