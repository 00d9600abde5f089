"""How `ari-voice doctor` looks at certificates, at ports and in files, and judges them."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from adapter.commands.diagnosis.certificates import (
    NoTls,
    Shown,
    at_port,
    covers,
    in_files,
    judge,
    leads_to,
)
from tests.unit.certificates import NOW, Issued, issue, tls_port


@pytest.fixture(scope="module")
def authority() -> Issued:
    return issue()


@pytest.fixture
def trusted(authority: Issued, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Issued:
    """An authority that this machine knows."""
    file, _ = authority.files(tmp_path, "authority")
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    return authority


async def shown_both_ways(folder: Path, made: Issued) -> Shown:
    """What a port shows, which is what its files would show."""
    files = made.files(folder, "host")
    async with tls_port(*files) as port:
        shown = await at_port("127.0.0.1", port)
    assert in_files(*files) == shown
    return shown


async def test_a_certificate_that_is_trusted(trusted: Issued, tmp_path: Path) -> None:
    """Signed by an authority that is known here; its names are of no matter to that."""
    shown = await shown_both_ways(tmp_path, issue(["voice.example", "192.0.2.1"], by=trusted))
    assert shown.distrust is None
    assert shown.names == ["voice.example", "192.0.2.1"]
    judged = judge("x", shown, NOW)
    assert judged.state == "ok"
    assert "voice.example, 192.0.2.1" in judged.text


async def test_a_certificate_of_ones_own(tmp_path: Path) -> None:
    """Works with those who know it: a warning with OpenSSL's reason."""
    shown = await shown_both_ways(tmp_path, issue(["voice.example"]))
    judged = judge("x", shown, NOW)
    assert judged.state == "warning"
    assert "self-signed" in judged.text


async def test_a_chain_that_is_not_whole(trusted: Issued, tmp_path: Path) -> None:
    """The certificate of the authority between is not in the file: the usual mistake."""
    between = issue()
    shown = await shown_both_ways(tmp_path, issue(["voice.example"], by=between))
    judged = judge("x", shown, NOW)
    assert judged.state == "warning"
    assert "lacks the chain" in judged.text


@pytest.mark.parametrize(
    ("days", "begun", "state", "word"),
    [
        (90, 100, "ok", "good until"),
        (13, 100, "warning", "renew"),
        (-1, 100, "failed", "expired"),
        (90, -1, "failed", "clock"),
    ],
)
async def test_times(
    trusted: Issued, tmp_path: Path, days: int, begun: int, state: str, word: str
) -> None:
    """Two weeks before the end there is a warning; what is not valid now fails."""
    made = issue(["voice.example"], days=days, begun=begun, by=trusted)
    judged = judge("x", await shown_both_ways(tmp_path, made), NOW)
    assert (judged.state, word in judged.text) == (state, True), judged


def test_complaints_are_told_together() -> None:
    """The end, the authority and the names, in one line."""
    judged = judge("x", Shown(issue(days=3).certificate, "unknown"), NOW, "none of which is it")
    assert judged.state == "warning"
    for word in ("expires", "unknown", "no name at all", "none of which is it"):
        assert word in judged.text


async def test_ports_that_have_no_tls() -> None:
    """Nobody there is no connection; a port that answers otherwise, or hangs, has no TLS."""

    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SIP/2.0 400 Bad Request\r\n\r\n")
        writer.close()

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        await reader.read()
        writer.close()

    for serve in (plain, hang):
        async with await asyncio.start_server(serve, "127.0.0.1", 0) as opened:
            port = opened.sockets[0].getsockname()[1]
            async with asyncio.timeout(4):
                with pytest.raises(NoTls, match=r"\w"):
                    await at_port("127.0.0.1", port)
    with pytest.raises(ConnectionRefusedError):
        await at_port("127.0.0.1", port)


@pytest.mark.parametrize(
    ("names", "host", "does"),
    [
        (["voice.example"], "VOICE.example", True),
        (["voice.example"], "example", False),
        (["*.example"], "voice.example", True),
        (["*.example"], "a.voice.example", False),
        (["*.example"], "example", False),
        (["192.0.2.1"], "192.0.2.1", True),
        (["2001:db8::1"], "[2001:DB8:0::1]", True),
        (["*.0.2.1"], "192.0.2.1", False),
        ([], "voice.example", False),
    ],
)
def test_names_of_a_certificate(names: list[str], host: str, does: bool) -> None:
    """As RFC 6125 has it: whole names, a star for one label, addresses by their value."""
    assert covers(names, host) is does


async def test_names_that_lead_to_an_address() -> None:
    """A name that is known here; stars and addresses are not looked up."""
    assert await leads_to(["*.example", "10.0.0.1", "nobody.invalid", "localhost"], "127.0.0.1")
    assert not await leads_to(["localhost"], "192.0.2.1")
    assert not await leads_to(["127.0.0.1"], "127.0.0.1")
