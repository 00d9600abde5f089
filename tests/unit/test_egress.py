"""Which addresses may be called: the policy, and that the HTTP client cannot get around it."""

from __future__ import annotations

import socket
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from aiohttp import ClientConnectorDNSError, ClientSession
from aiohttp.abc import AbstractResolver, ResolveResult
from hypothesis import given
from hypothesis import strategies as st

from adapter.outbox.egress import EgressRefused, Policy, open_session
from tests.fakes.webhook_sink import Reply, WebhookSink

CLOSED = Policy()
EMBEDDINGS: list[Callable[[int], int]] = [
    lambda v4: 0xFFFF << 32 | v4,
    lambda v4: 0x0064FF9B << 96 | v4,
]


class ScriptedResolver(AbstractResolver):
    """Gives each answer of its script once, the last one for ever; counts the questions."""

    def __init__(self, *answers: list[str]) -> None:
        self._answers = list(answers)
        self.asked = 0

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        self.asked += 1
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in answer
        ]

    async def close(self) -> None:
        """Nothing to close."""


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com",
        "https://example.com:8443/hook?token=a@b",
        "http://8.8.8.8/",
        "http://[2606:4700::1111]/",
        "http://EXAMPLE.com./x",
        "https://bücher.example/ä",
        "http://a_b.example/",
        "http://[::ffff:8.8.8.8]/",
        "http://[64:ff9b::8.8.8.8]/",
    ],
)
def test_public_urls_pass(url: str) -> None:
    """What is public passes, a name unresolved."""
    CLOSED.check_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.com/hook",
        "//example.com/",
        "ftp://example.com/",
        "file:///etc/passwd",
        "http+unix://x/",
        "javascript:alert(1)",
        "http://",
        "http:///x",
        "http:x",
        "http://:80/",
        "http://user:password@example.com/",
        "http://user@example.com/",
        "http://@example.com/",
        "http://example.com:0/",
        "http://example.com:99999/",
        "http://example.com:x/",
        "http://exa mple.com/",
        " http://example.com/",
        "http://example.com/a\r\nb",
        "http://example.com\\@127.0.0.1/",
        "http://example.com/\x00",
        "http://%31%32%37.0.0.1/",
        "http://a..b/",
        "http://.example/",
        "http://-a.example/",
        "http://" + "a" * 64 + ".example/",
        "http://" + "a." * 127 + "example/",
        "http://example.com/" + "a" * 2048,
    ],
)
def test_bad_syntax_is_refused(url: str) -> None:
    """Other schemes, credentials, control characters and malformed hosts are refused."""
    with pytest.raises(EgressRefused):
        CLOSED.check_url(url)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.255.255.254",
        "0.0.0.0",
        "10.0.0.1",
        "100.64.0.1",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.8",
        "192.168.1.1",
        "198.18.0.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "[::]",
        "[::1]",
        "[fc00::1]",
        "[fd12:3456::1]",
        "[fe80::1]",
        "[fe80::1%25eth0]",
        "[fe80::1%eth0]",
        "[ff02::1]",
        "[2001:db8::1]",
        "[2001::1]",
        "[100::1]",
        "[fec0::1]",
        "[5f00::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::127.0.0.1]",
        "[2002:7f00:1::]",
        "[2002:a00:1::1]",
        "[64:ff9b::10.0.0.1]",
        "[64:ff9b:1::7f00:1]",
        "[64:ff9b:1:2::1]",
        "127.0.0.1.",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "0177.0.0.1",
        "127.0.0.0x1",
        "127.000.000.001",
        "999.1.1.1",
        "\uff11\uff12\uff17.0.0.1",
        "127。0。0。1",
        "[1::2::3]",
        "[v1.x]",
        "[8.8.8.8]",
        "[2002:808:808::1]",
        "[64:ff9b:1::808:808]",
    ],
)
def test_addresses_that_are_not_public_are_refused(host: str) -> None:
    """Every kind of inner address is refused, however it is spelt."""
    with pytest.raises(EgressRefused):
        CLOSED.check_url(f"http://{host}/")


@given(st.ip_addresses(v=4), st.sampled_from(EMBEDDINGS))
def test_an_embedded_address_is_judged_as_itself(
    v4: IPv4Address, embed: Callable[[int], int]
) -> None:
    """An IPv6 address that leads to an IPv4 address passes only when that does."""
    outer = IPv6Address(embed(int(v4)))
    assert _passes(CLOSED, f"http://[{outer}]/") == _passes(CLOSED, f"http://{v4}/")


@given(st.ip_addresses())
def test_what_passes_is_global(address: IPv4Address | IPv6Address) -> None:
    """Nothing passes that Python's own table does not call global."""
    host = f"[{address}]" if address.version == 6 else str(address)
    if _passes(CLOSED, f"http://{host}/"):
        address = getattr(address, "ipv4_mapped", None) or address
        assert address.is_global
        assert not address.is_multicast


@given(st.text(max_size=60))
def test_no_text_makes_it_raise_anything_else(text: str) -> None:
    """Junk is refused or passes; there is no third way."""
    for url in (text, f"http://{text}", f"http://{text}/", f"http://[{text}]:1/"):
        _passes(CLOSED, url)


@given(st.integers(0, 2**32 - 1), st.sampled_from([1, 2, 3, 4]), st.data())
def test_whatever_inet_aton_reads_is_canonical_or_refused(
    number: int, parts: int, data: st.DataObject
) -> None:
    """Each spelling that the C library would take for an inner address is refused."""
    number = 127 << 24 | number & 0xFFFFFF
    rest = number & ((1 << 8 * (5 - parts)) - 1)
    octets = [number >> 24, number >> 16 & 255, number >> 8 & 255][: parts - 1]
    style = st.sampled_from(["{:d}", "0x{:x}", "0{:o}", "0X{:X}"])
    text = ".".join(data.draw(style).format(value) for value in (*octets, rest))
    assert socket.inet_aton(text) == number.to_bytes(4, "big")
    assert not _passes(CLOSED, f"http://{text}/")


@pytest.mark.parametrize(
    ("allow", "url"),
    [
        ("127.0.0.0/8", "http://127.0.0.1:99/"),
        ("127.0.0.1", "http://127.0.0.1/"),
        ("127.0.0.1:8080", "http://127.0.0.1:8080/"),
        ("127.0.0.0/8", "http://[::ffff:127.0.0.1]/"),
        ("::1", "http://[::1]:1/"),
        ("[::1]:8080", "http://[::1]:8080/"),
        ("fd00::/8", "https://[fd00::1]/"),
    ],
)
def test_what_the_operator_names_passes(allow: str, url: str) -> None:
    """Networks and addresses, with and without a port, open what they name."""
    assert not _passes(CLOSED, url)
    assert _passes(Policy.parse([allow]), url)


@pytest.mark.parametrize(
    ("allow", "url"),
    [
        ("127.0.0.1", "http://127.0.0.2/"),
        ("127.0.0.1:8080", "http://127.0.0.1:8081/"),
        ("10.0.0.0/8", "http://127.0.0.1/"),
        ("localhost", "http://127.0.0.1/"),
        ("fe80::/10", "http://[fe80::1%25eth0]/"),
        ("127.0.0.0/8", "http://2130706433/"),
        ("0.0.0.0/0", "http://[::1]/"),
    ],
)
def test_and_nothing_else(allow: str, url: str) -> None:
    """An entry opens no other address, port or spelling."""
    assert not _passes(Policy.parse([allow]), url)


def test_a_named_host_may_have_any_address() -> None:
    """A host name of the list is trusted with all its addresses, at its port if it has one."""
    policy = Policy.parse(["App.Internal:8080", "db.internal"])
    inner = ip_address("10.0.0.1")
    policy.check_address("app.internal", 8080, inner)
    policy.check_address("DB.internal.", 1, inner)
    for host, port in (("app.internal", 80), ("x.db.internal", 1)):
        with pytest.raises(EgressRefused, match=r"10\.0\.0\.1, which is private"):
            policy.check_address(host, port, inner)


@pytest.mark.parametrize(
    "entry",
    ["", "10.0.0.1/8", "10.0.0.0/33", "a b", "*.example.com", "host:0", "host:65536", "host:x",
     "http://host", "host/path", ":80", "300.1.1.1", "[::1", "a..b"],
)  # fmt: skip
def test_bad_entries_are_named(entry: str) -> None:
    """An entry that means nothing is an error that names it."""
    with pytest.raises(ValueError) as caught:
        Policy.parse(["example.com", entry])
    assert repr(entry) in str(caught.value)


async def test_every_address_of_a_name_is_checked() -> None:
    """One inner address among public ones refuses the name, and nothing is connected."""
    async with WebhookSink() as sink:
        for addresses in (["127.0.0.1"], ["93.184.216.34", "127.0.0.1"], ["::1"]):
            async with open_session(CLOSED, resolver=ScriptedResolver(addresses)) as session:
                with pytest.raises(EgressRefused, match="loopback"):
                    await session.post(sink.url(host="rebind.example"))
        assert sink.received == []


async def test_rebinding_changes_nothing() -> None:
    """A name is resolved once; the connection goes to the address that was checked."""
    async with WebhookSink() as sink:
        resolver = ScriptedResolver(["127.0.0.1"], ["127.0.0.2"])
        policy = Policy.parse(["127.0.0.1/32"])
        async with open_session(policy, resolver=resolver) as session:
            async with session.post(sink.url(host="rebind.example")) as response:
                assert response.status == 200
            assert resolver.asked == 1
        assert [r.headers["Host"] for r in sink.received] == [f"rebind.example:{sink.port}"]


async def test_a_new_connection_is_checked_again() -> None:
    """When the name has moved to an inner address, the next connection is refused."""
    async with WebhookSink() as sink:
        resolver = ScriptedResolver(["127.0.0.1"], ["127.0.0.2"])
        policy = Policy.parse(["127.0.0.1/32"])
        for refused in (False, True):
            async with open_session(policy, resolver=resolver) as session:
                if refused:
                    with pytest.raises(EgressRefused):
                        await session.post(sink.url(host="rebind.example"))
                else:
                    await session.post(sink.url(host="rebind.example"))
        assert len(sink.received) == 1


async def test_the_session_checks_literal_addresses() -> None:
    """aiohttp resolves no literal address, so the session itself refuses it."""
    async with WebhookSink() as sink, open_session(CLOSED) as session:
        for host in ("127.0.0.1", "[::1]", "0x7f.1", "localhost"):
            with pytest.raises(EgressRefused):
                await session.get(sink.url(host=host))
        assert sink.received == []


async def test_the_session_checks_redirects() -> None:
    """A redirect to an address that is not allowed is refused even by who follows it."""
    async with WebhookSink() as inner, WebhookSink() as outer:
        outer.script(Reply(302, headers={"Location": inner.url()}))
        async with open_session(Policy.parse([f"127.0.0.1:{outer.port}"])) as session:
            with pytest.raises(EgressRefused):
                await session.get(outer.url())
        assert len(outer.received) == 1
        assert inner.received == []


async def test_the_session_keeps_and_unpacks_nothing() -> None:
    """No cookies are kept, and a compressed answer stays as it came."""
    resolver = ScriptedResolver(["127.0.0.1"])
    policy = Policy.parse(["127.0.0.1"])
    async with WebhookSink() as sink, open_session(policy, resolver=resolver) as session:
        url = sink.url(host="customer.example")  # cookies of bare addresses are never kept
        sink.script(Reply(headers={"Set-Cookie": "a=b", "Content-Encoding": "gzip"}, body=b"zip"))
        async with session.get(url) as response:
            assert await response.read() == b"zip"
        await session.get(url)
        assert [r.headers.get("Cookie") for r in sink.received] == [None, None]
        assert sink.received[0].headers["Accept-Encoding"] == "identity"


async def test_a_name_without_address_is_a_dns_error() -> None:
    """A name that cannot be resolved is told apart from one that is refused."""

    class Failing(ScriptedResolver):
        async def resolve(
            self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
        ) -> list[ResolveResult]:
            raise OSError(None, "no such host")

    session: ClientSession
    async with open_session(CLOSED, resolver=Failing()) as session:
        with pytest.raises(ClientConnectorDNSError):
            await session.get("http://nowhere.example/")


def _passes(policy: Policy, url: str) -> bool:
    try:
        policy.check_url(url)
    except EgressRefused:
        return False
    return True
