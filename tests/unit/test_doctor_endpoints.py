"""How `ari-voice doctor` compares trunks, as they were provisioned, with what Asterisk has."""

from __future__ import annotations

import asyncio

import pytest

from adapter.commands.diagnosis import Result
from adapter.commands.diagnosis import endpoints as diagnosed
from adapter.commands.diagnosis.asterisk import client
from adapter.commands.diagnosis.endpoints import endpoints, network, pushed, values
from adapter.core.masked import Secret
from adapter.core.tenants import Trunk
from adapter.settings import Asterisk
from tests.fakes.ari_server import FakeAri

NEW = "sip:new.example"


def trunk(name: str = "a", *, match: tuple[str, ...] = (), register: bool = False) -> Trunk:
    return Trunk(
        name=name, uri=NEW, username=None, password=None, register=register, match=match,
        caller_id_header="from",
    )  # fmt: skip


def settings(ari: FakeAri) -> Asterisk:
    return Asterisk(url=ari.base_url, username=ari.username, password=Secret(ari.password))


async def compared(ari: FakeAri, *trunks: Trunk) -> list[Result]:
    """What is said of trunks that are all there."""
    for one in trunks:
        ari.config["endpoint", f"trunk-{one.name}"] = {}
    found = [one async for one in endpoints(settings(ari), trunks, [])]
    return [one for one in found if one.name == "trunks"]


async def test_trunks_as_they_were_provisioned() -> None:
    """Masks are no difference, and what belongs to another trunk is none of this one's."""
    async with FakeAri() as ari:
        ari.config["aor", "trunk-a"] = ari.config["aor", "trunk-b"] = {"contact": NEW}
        ari.config["identify", "trunk-a"] = {"match": "10.0.0.1/255.255.255.255"}
        ari.config["registration", "trunk-a"] = {"server_uri": NEW}
        every = trunk(match=("10.0.0.1",), register=True)
        assert await compared(ari, every, trunk("b")) == [
            Result("trunks", "ok", "all 2 are in Asterisk")
        ]


@pytest.mark.parametrize(
    ("key", "held", "words"),
    [
        (("aor", "contact"), "sip:old.example", "a still has contact sip:old.example"),
        (("aor", "contact"), "sip:old.example", f"a lacks contact {NEW}"),
        (("identify", "match"), "10.0.0.0/255.0.0.0", "a still has match 10.0.0.0/8"),
        (("registration", "server_uri"), NEW, f"a still has server_uri {NEW}"),
    ],
)
async def test_what_asterisk_still_has(key: tuple[str, str], held: str, words: str) -> None:
    """Of before: it would be called, believed or registered with."""
    async with FakeAri() as ari:
        ari.config["aor", "trunk-a"] = {"contact": NEW}
        ari.config[key[0], "trunk-a"] = {key[1]: held}
        (judged,) = await compared(ari, trunk())
    assert (judged.state, words in judged.text) == ("warning", True), judged


async def test_what_asterisk_lacks() -> None:
    """The trunk is there, and not all of it."""
    async with FakeAri() as ari:
        ari.config["aor", "trunk-a"] = {"contact": NEW}
        (judged,) = await compared(ari, trunk(match=("10.0.0.1",), register=True))
    assert judged.state == "warning"
    assert f"a lacks match 10.0.0.1; a lacks server_uri {NEW}" in judged.text
    assert "the server's start" in judged.text


async def test_what_is_on_its_way() -> None:
    """A running server pushes within a second what was just provisioned: doctor looks again."""
    async with FakeAri() as ari, client(settings(ari), "ari-voice") as server:
        ari.config["endpoint", "trunk-a"] = {}
        ari.config["aor", "trunk-a"] = {"contact": "sip:old.example"}
        listener = await server.connect_events()

        async def push() -> None:
            await asyncio.sleep(0.5)
            ari.config["aor", "trunk-a"] = {"contact": NEW}
            ari.config["aor", "trunk-b"] = {"contact": NEW}
            ari.config["endpoint", "trunk-b"] = {}

        async with asyncio.TaskGroup() as group:
            group.create_task(push())
            looked = [one async for one in endpoints(settings(ari), [trunk(), trunk("b")], [])]
        await listener.close()
    assert looked[0] == Result("trunks", "ok", "all 2 are in Asterisk")


async def test_values_of_one_attribute() -> None:
    """All that Asterisk lists; there may be no such object, or it has the attribute empty."""
    async with FakeAri() as ari, client(settings(ari)) as asked:
        ari.config["aor", "trunk-a"] = {"contact": NEW, "mailboxes": "", "max_contacts": "0"}
        assert await values(asked, "aor", "trunk-a", "contact") == [NEW]
        assert await values(asked, "aor", "trunk-a", "mailboxes") == []
        assert await values(asked, "aor", "trunk-b", "contact") == []


async def test_trunks_are_not_compared_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those above the limit are counted only."""
    monkeypatch.setattr(diagnosed, "_COMPARED", 2)
    async with FakeAri() as ari:
        found = await compared(ari, *(trunk(f"t{number}") for number in range(5)))
    assert len([one for one in ari.requests if one.verb == "get_config"]) == 2 * 3
    assert found[-1].text.startswith("3 more")


def test_what_is_missing_comes_first() -> None:
    """A trunk that is not there at all is worse than one that is otherwise; many are counted."""
    states = {"e1": "online"}
    stale = [f"{number} lacks it" for number in range(9)]
    missing = pushed("trunks", {"t1": "e1", "t2": "e2"}, states, True, stale)
    assert missing.state == "failed"
    judged = pushed("trunks", {"t1": "e1"}, states, True, stale)
    assert judged.state == "warning"
    assert "4 lacks it and more; if that stays, restart the server" in judged.text


@pytest.mark.parametrize(
    ("held", "provisioned"),
    [
        ("10.0.0.1/255.255.255.255", "10.0.0.1"),
        ("10.16.0.0/255.240.0.0", "10.16.0.0/12"),
        ("2001:db8::/ffff:ffff::", "2001:db8::/32"),
        ("2001:db8::1/ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db8::1"),
        ("!10.0.0.1/255.255.255.255", "!10.0.0.1/255.255.255.255"),
        ("sip:[2001:db8::1]:5061;transport=tls", "sip:[2001:db8::1]:5061;transport=tls"),
        ("sip.example", "sip.example"),
    ],
)
def test_networks_with_a_mask(held: str, provisioned: str) -> None:
    """As Asterisk 22 writes them, and what is no network."""
    assert network(held) == provisioned
