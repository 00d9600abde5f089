"""How `ari-voice doctor` judges Asterisk's SIP: transports, addresses, TLS, trunks and phones."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

import pytest

from adapter.ami.errors import NoAnswer, Refused
from adapter.commands.diagnosis.asterisk import manager
from adapter.commands.diagnosis.certificates import Shown
from adapter.commands.diagnosis.endpoints import pushed, registered, registrations
from adapter.commands.diagnosis.sip_tls import absent, authorities, is_secure, of_trunk, sip_tls
from adapter.commands.diagnosis.transports import (
    Transport,
    in_config,
    is_public,
    nat,
    own_address,
    place,
    translation,
    transports,
)
from adapter.core.masked import Secret
from adapter.core.tenants import Phone, Trunk
from adapter.settings import Asterisk
from tests.fakes.ami import FakeAmi
from tests.fakes.ari_server import FakeAri
from tests.unit.certificates import NOW, issue, tls_port

TLS = {"type": "transport", "protocol": "tls"}


def trunk(name: str = "t", uri: str = "sip:10.0.0.1", *, register: bool = False) -> Trunk:
    return Trunk(
        name=name, uri=uri, username=None, password=None, register=register, match=(),
        caller_id_header="from",
    )  # fmt: skip


def phone(*, srtp: bool = False) -> Phone:
    return Phone(extension="0003*210", password="hush", name=None, recording=False, srtp=srtp)


def settings(ari: FakeAri, ami: FakeAmi) -> Asterisk:
    return Asterisk(
        url=ari.base_url, username=ari.username, password=Secret(ari.password),
        ami_port=ami.port, ami_username=ami.username, ami_password=Secret(ami.secret),
    )  # fmt: skip


def test_sections_of_pjsip_conf() -> None:
    """Transports with their protocol, which is UDP when none is named; nothing else."""
    answer = {
        "response": "Success",
        "category-000000": "global", "line-000000-000000": "type=global",
        "category-000001": "a", "line-000001-000000": "type = transport",
        "category-000002": "b", "line-000002-000000": "type=transport",
        "line-000002-000001": "protocol=TLS", "line-000002-000002": "cert_file=/a=b",
    }  # fmt: skip
    assert in_config(answer) == {"a": "udp", "b": "tls"}
    assert in_config({}) == {}


async def test_transports_of_any_name() -> None:
    """Those of the file; what Asterisk has of each, if it has it."""
    async with FakeAri() as ari, FakeAmi() as ami:
        ami.pjsip_conf = {"outside": TLS, "refused": TLS}
        ari.config["transport", "outside"] = {"bind": "[2001:db8::1]:5071"}
        found = await transports(settings(ari, ami))
    assert found == [
        Transport("outside", "tls", {"bind": "[2001:db8::1]:5071"}),
        Transport("refused", "tls", None),
    ]
    assert found[0].bind == ("2001:db8::1", 5071)
    assert found[1].bind == ("", 0)


async def test_transports_without_ami() -> None:
    """Those of our own names that Asterisk has."""
    async with FakeAri() as ari, FakeAmi() as ami:
        ami.fail("GetConfig", "Permission denied")
        ari.config["transport", "transport-tls"] = {}
        assert await transports(settings(ari, ami)) == [Transport("transport-tls", "tls", {})]


@pytest.mark.parametrize(
    ("address", "told", "state"),
    [
        ("10.0.0.5", set[str](), "warning"),
        ("10.0.0.5", {"81.2.69.160"}, "ok"),
        ("10.0.0.5", {"voice.example"}, "ok"),
        ("81.2.69.160", {"10.0.0.5"}, "warning"),
        ("81.2.69.160", set[str](), "ok"),
    ],
)
def test_address_translation(address: str, told: set[str], state: str) -> None:
    """A private address that is told to a carrier in the internet is worth a warning."""
    assert translation(["carrier"], address, told).state == state


async def test_addresses_that_carriers_are_told() -> None:
    """For their audio, by any transport; where they are told to signal to is of no matter."""
    async with FakeAri() as ari, FakeAmi() as ami:
        ami.pjsip_conf = {"outside": TLS}
        for field, state in (("media", "ok"), ("signaling", "warning")):
            taken = {"bind": "10.0.0.5:5060", f"external_{field}_address": "81.2.69.160"}
            ari.config["transport", "outside"] = taken
            public = trunk(uri="sip:a.example")
            (result,) = [one async for one in nat(settings(ari, ami), [public])]
            assert result.state == state, result


@pytest.mark.parametrize("uri", ["sip:10.0.0.1:5080", "sip:user@192.168.1.1", "sip:[fd00::1]:5060"])
async def test_private_trunks_need_no_translation(uri: str) -> None:
    """Asterisk is not even asked."""
    nobody = Asterisk(url="http://127.0.0.1:1")
    assert [one.state async for one in nat(nobody, [trunk(uri=uri)])] == ["ok"]


def test_where_asterisk_is() -> None:
    """Where its SIP is bound to; when that is everywhere, where its HTTP server is."""
    asterisk = Asterisk(url="http://192.0.2.7:8088")
    assert own_address(asterisk, ["0.0.0.0", "198.51.100.1"]) == "198.51.100.1"
    assert own_address(asterisk, ["0.0.0.0", ""]) == "192.0.2.7"


@pytest.mark.parametrize(
    ("uri", "host", "port", "public", "secure"),
    [
        ("sip:a.example", "a.example", None, True, False),
        ("sip:u@a.example:5061;transport=tls", "a.example", 5061, True, True),
        ("sip:8.8.8.8;transport=TLS", "8.8.8.8", None, True, True),
        ("sips:[2001:db8::1]:5071", "2001:db8::1", 5071, False, True),
        ("sip:pbx", "pbx", None, False, False),
    ],
)
def test_uris_of_trunks(uri: str, host: str, port: int, public: bool, secure: bool) -> None:
    """Host, port, whether it is in the internet, and whether it is called over TLS."""
    assert place(uri) == (host, port)
    assert is_public(uri) is public
    assert is_secure(uri) is secure


@pytest.mark.parametrize(
    ("needing", "refused", "state", "words"),
    [
        ([], [], "ok", "no trunk or phone needs it"),
        (["trunk a"], [], "failed", "trunk a need SIP over TLS"),
        (["a", "b", "c", "d"], [], "failed", "a, b, c and others"),
        (["trunk a"], ["transport-tls"], "failed", "has not taken transport-tls"),
        ([], ["transport-tls"], "failed", "has not taken transport-tls"),
    ],
)
def test_asterisk_without_tls(
    needing: list[str], refused: list[str], state: str, words: str
) -> None:
    """It fails when somebody needs it, and when it was wanted and Asterisk did not take it."""
    judged = absent(needing, refused)
    assert (judged.state, words in judged.text) == (state, True), judged


async def test_who_needs_tls() -> None:
    """Trunks by their address, phones by their SRTP, whose keys stand in the signalling."""
    async with FakeAri() as ari, FakeAmi() as ami:
        asterisk = settings(ari, ami)
        quiet = [one async for one in sip_tls(asterisk, [trunk()], [phone()])]
        assert [one.state for one in quiet] == ["ok"]
        (needed,) = [one async for one in sip_tls(asterisk, [], [phone(srtp=True)])]
        assert needed.state == "failed"
        assert "phone 0003*210" in needed.text


async def looked_at(port: int, told: Mapping[str, str], trunks: list[Trunk]) -> dict[str, str]:
    """Texts by name, for an Asterisk with TLS on a port."""
    async with FakeAri() as ari, FakeAmi() as ami:
        ami.pjsip_conf = {"outside": TLS}
        ari.config["transport", "outside"] = {"bind": f"0.0.0.0:{port}", **told}
        found = [one async for one in sip_tls(settings(ari, ami), trunks, [])]
    return {one.name: f"{one.state} {one.text}" for one in found}


async def test_certificates_of_both_sides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Asterisk's, where its HTTP server is, and the trunk's, for the host that is called."""
    authority = issue()
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.files(tmp_path, "authority")[0]))
    ours = issue(["localhost"], by=authority).files(tmp_path, "ours")
    theirs = issue(["sip.example"], by=authority).files(tmp_path, "theirs")
    async with tls_port(*ours) as port, tls_port(*theirs) as far:
        away = trunk("away", f"sip:127.0.0.1:{far};transport=tls")
        seen = await looked_at(port, {}, [away])
        assert seen["sip tls"].startswith("ok")
        assert seen["sip tls trunk away"].startswith("warning")
        assert "not for 127.0.0.1" in seen["sip tls trunk away"]
        named = await looked_at(port, {"external_signaling_address": "127.0.0.1"}, [])
        assert named["sip tls"].startswith("ok")
        elsewhere = await looked_at(port, {"external_signaling_address": "192.0.2.1"}, [])
        assert "none of which is 192.0.2.1" in elsewhere["sip tls"]


@pytest.mark.parametrize(
    ("verify", "files", "lists"),
    [
        ([], [], "--tls-ca"),
        (["Yes"], ["/etc/a.pem"], "/etc/a.pem, --tls-ca"),
        (["No", "Yes"], ["/etc/a.pem", ""], "/etc/a.pem, --tls-ca"),
        (["No"], ["/etc/a.pem"], None),
    ],
)
def test_whom_asterisk_trusts(verify: list[str], files: list[str], lists: str | None) -> None:
    """As its transports say; one that verifies may be the one that is taken."""
    taken = [
        Transport("t", "tls", {"verify_server": does, "ca_list_file": file})
        for does, file in zip(verify, files, strict=True)
    ]
    assert authorities(taken) == lists


@pytest.mark.parametrize(
    ("host", "lists", "is_in", "state", "words"),
    [
        ("sip.example", "/ca.pem", False, "warning", "Asterisk decides, by its own list"),
        ("sip.example", "/ca.pem", False, "warning", "(/ca.pem)"),
        ("sip.example", "/ca.pem", True, "ok", "Asterisk trusts it"),
        ("sip.example", None, True, "warning", "Asterisk takes any"),
        ("else.example", "/ca.pem", True, "warning", "not for else.example: Asterisk will refuse"),
        ("else.example", None, False, "warning", "not for else.example: Asterisk takes any"),
    ],
)
def test_a_trunk_that_this_machine_does_not_trust(
    host: str, lists: str | None, is_in: bool, state: str, words: str
) -> None:
    """What counts is whether Asterisk does, which only its registration shows."""
    shown = Shown(issue(["sip.example"]).certificate, "self-signed certificate")
    judged = of_trunk("x", host, shown, NOW, lists, is_in)
    assert (judged.state, words in judged.text) == (state, True), judged


@pytest.mark.parametrize(
    ("registers", "status", "uri", "state"),
    [
        (True, "Registered", "", "ok"),
        (True, "Rejected", "", "warning"),
        (True, "Registered", "sip:10.0.0.1", "warning"),
        (False, "Registered", "", "warning"),
    ],
)
async def test_a_registration_tells_whom_asterisk_trusts(
    tmp_path: Path, registers: bool, status: str, uri: str, state: str
) -> None:
    """When it is up, and to the address that the trunk has now."""
    async with tls_port(*issue(["127.0.0.1"]).files(tmp_path, "far")) as port:
        away = trunk("away", f"sip:127.0.0.1:{port};transport=tls", register=registers)
        async with FakeAri() as ari, FakeAmi() as ami:
            ami.registrations = {"trunk-away": status}
            ari.config["registration", "trunk-away"] = {"server_uri": uri or away.uri}
            found = [one async for one in sip_tls(settings(ari, ami), [away], [])]
    assert [one.state for one in found if one.name == "sip tls trunk away"] == [state]


async def test_trust_without_ami() -> None:
    """Not known then; the trunk is looked at all the same."""
    away = trunk("away", "sip:127.0.0.1:9;transport=tls", register=True)
    async with FakeAri() as ari, FakeAmi() as ami:
        ami.fail("PJSIPShowRegistrationsOutbound", "Permission denied")
        found = [one async for one in sip_tls(settings(ari, ami), [away], [])]
    assert "no connection to 127.0.0.1:9" in found[-1].text


async def test_tls_that_is_not_reached() -> None:
    """From here: a warning, because others may reach it."""
    away = trunk("away", "sip:127.0.0.1:9;transport=tls")
    seen = await looked_at(9, {}, [away])
    assert all(text.startswith("warning no connection to 127.0.0.1:9") for text in seen.values())
    assert len(seen) == 2


async def test_a_port_without_tls() -> None:
    """A key that does not fit its certificate looks like that: it fails."""

    async def close(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with await asyncio.start_server(close, "127.0.0.1", 0) as opened:
        port = opened.sockets[0].getsockname()[1]
        away = trunk("away", f"sip:127.0.0.1:{port};transport=tls")
        seen = await looked_at(port, {}, [away])
    assert all(text.startswith("failed") for text in seen.values())
    assert "does the key fit" in seen["sip tls"]


async def test_trunks_are_not_connected_to_without_end() -> None:
    """More than 16 are counted only."""
    many = [trunk(f"t{n}", "sip:127.0.0.1:9;transport=tls") for n in range(20)]
    seen = await looked_at(9, {}, many)
    assert len([name for name in seen if "trunk" in name]) == 16
    assert "4 more trunks" in seen["sip tls"]


@pytest.mark.parametrize(
    ("states", "served", "state", "words"),
    [
        ({"e1": "online", "e2": "offline"}, True, "ok", "all 2 are in Asterisk, 1 registered"),
        ({"e1": "online"}, True, "failed", "does not have p2"),
        ({"e1": "online"}, False, "warning", "1 of 2"),
        ({}, False, "warning", "2 of 2"),
    ],
)
def test_what_was_pushed(states: dict[str, str], served: bool, state: str, words: str) -> None:
    """What is missing is a fault when the server is there, which should have pushed it."""
    judged = pushed("phones", {"p1": "e1", "p2": "e2"}, states, served)
    assert (judged.state, words in judged.text) == (state, True), judged
    assert pushed("phones", {}, states, served).state == "ok"


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("Registered", "ok"),
        ("Rejected", "failed"),
        ("Unregistered", "warning"),
        (None, "warning"),
    ],
)
def test_states_of_a_registration(status: str | None, state: str) -> None:
    """As Asterisk has it; none is there before the server's start."""
    judged = registered(trunk("away", "sip:a.example"), status)
    assert (judged.name, judged.state) == ("registration away", state)


async def test_registrations_are_asked_for() -> None:
    """Those of trunks that register, out of a list that has other things as well."""
    async with FakeAri() as ari, FakeAmi() as ami:
        ami.registrations = {"trunk-a": "Registered", "trunk-b": "Rejected", "else": "Rejected"}
        trunks = [trunk("a", register=True), trunk("b", register=True), trunk("c")]
        found = [one async for one in registrations(settings(ari, ami), trunks)]
        none = [one.state async for one in registrations(settings(ari, ami), [trunk()])]
    assert [(one.name, one.state) for one in found] == [
        ("registration a", "ok"),
        ("registration b", "failed"),
    ]
    assert none == ["ok"]


async def test_a_list_that_is_cut() -> None:
    """The connection is lost in the middle of it: an error, and nobody waits."""
    async with FakeAri() as ari, FakeAmi() as ami, manager(settings(ari, ami)) as connection:
        listing = asyncio.create_task(connection.listed("Ping"))  # no item follows
        while "Ping" not in ami.names():
            await asyncio.sleep(0.01)
        ami.drop()
        async with asyncio.timeout(20):
            with pytest.raises(NoAnswer, match="closed"):
                await listing


async def test_a_list_that_is_refused() -> None:
    """The user may not have it: said as it is."""
    async with FakeAri() as ari, FakeAmi() as ami:
        ami.fail("PJSIPShowRegistrationsOutbound", "Permission denied")
        with pytest.raises(Refused, match="Permission denied"):
            _ = [one async for one in registrations(settings(ari, ami), [trunk(register=True)])]
