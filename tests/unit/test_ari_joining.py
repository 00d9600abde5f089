"""adapter.ari.joining: bridges, sounds and the answering machine, and what Asterisk may refuse."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from adapter.ari.client import AriClient
from adapter.ari.errors import NotFound, ServerFault, Unavailable, Unreachable
from adapter.ari.joining import amd_arguments, join, verdict
from adapter.ari.stasis import TRIES
from adapter.core import outputs as o
from adapter.core.ids import BridgeId, ChannelId
from adapter.core.inputs import BridgeRefused
from adapter.core.model import Detection
from adapter.core.outputs import Sound
from tests.fakes.ari_server import FakeAri

BRIDGE = BridgeId("call.bridge1")
CREATE, DESTROY = o.CreateBridge(bridge=BRIDGE), o.DestroyBridge(bridge=BRIDGE)
NOBODY = ChannelId("gone")


@pytest.fixture
async def ari() -> AsyncIterator[FakeAri]:
    """A fake Asterisk."""
    async with FakeAri() as fake:
        yield fake


@pytest.fixture
async def client(ari: FakeAri) -> AsyncIterator[AriClient]:
    """A client of it."""
    async with AriClient(ari.base_url, ari.username, ari.password, app="voice", timeout=2) as made:
        yield made


@pytest.fixture
def caller(ari: FakeAri) -> ChannelId:
    """A channel in Stasis."""
    return ChannelId(ari.inbound("1001"))


def add(channel: ChannelId) -> o.AddToBridge:
    return o.AddToBridge(bridge=BRIDGE, channel=channel)


def remove(channel: ChannelId) -> o.RemoveFromBridge:
    return o.RemoveFromBridge(bridge=BRIDGE, channel=channel)


# Bridges


async def test_a_bridge_from_its_making_to_its_end(
    ari: FakeAri, client: AriClient, caller: ChannelId
) -> None:
    """Keys are to be told, so it is of the kind that tells them."""
    assert await join(client, CREATE) is None
    (made,) = ari.seen("create_bridge")
    assert made.query == {"type": "mixing,dtmf_events", "bridgeId": BRIDGE}
    assert await join(client, add(caller)) is None
    assert ari.world.bridges == {BRIDGE: [caller]}
    assert await join(client, remove(caller)) is None
    assert ari.world.bridges == {BRIDGE: []}
    assert await join(client, DESTROY) is None
    assert ari.world.bridges == {}
    assert caller in ari.channels


async def test_what_is_so_already_is_success(
    ari: FakeAri, client: AriClient, caller: ChannelId
) -> None:
    """Made again, taken out again, removed again: after a restart nobody knows how far we came."""
    for effect in (CREATE, CREATE, add(caller), remove(caller), remove(caller), DESTROY, DESTROY):
        assert await join(client, effect) is None
    assert await join(client, remove(caller)) is None
    assert ari.count("create_bridge") == 2


@pytest.mark.parametrize("status", [409, 500])
async def test_a_bridge_that_is_there_was_made(
    ari: FakeAri, client: AriClient, status: int
) -> None:
    """The answer to the first order was lost; whatever Asterisk says of the second."""
    ari.fail("create_bridge", status, stage="after")
    assert await join(client, CREATE) is None
    assert ari.world.bridges == {BRIDGE: []}


async def test_a_bridge_that_cannot_be_made(ari: FakeAri, client: AriClient) -> None:
    """It is a fact, with Asterisk's words for people."""
    ari.fail("create_bridge", 500, message="no memory")
    refused = await join(client, CREATE)
    assert isinstance(refused, BridgeRefused)
    assert refused.bridge == BRIDGE
    assert "no memory" in refused.detail


async def test_a_channel_that_is_gone_tells_so_itself(ari: FakeAri, client: AriClient) -> None:
    """Its end comes by its event, so nothing is said here."""
    await join(client, CREATE)
    assert await join(client, add(NOBODY)) is None
    assert await join(client, remove(NOBODY)) is None
    assert ari.count("add_channel") == 1


async def test_a_bridge_that_is_gone(ari: FakeAri, client: AriClient, caller: ChannelId) -> None:
    """Nobody can be put into it: the connection has failed."""
    refused = await join(client, add(caller))
    assert isinstance(refused, BridgeRefused)
    assert await join(client, remove(caller)) is None


@pytest.mark.parametrize("status", [409, 422])
async def test_a_channel_on_its_way_into_stasis_is_waited_for(
    ari: FakeAri, client: AriClient, caller: ChannelId, status: int
) -> None:
    """A leg that is found by a recovery, say; Asterisk has two statuses for it."""
    await join(client, CREATE)
    ari.fail("add_channel", status, times=3, message="Channel not in Stasis application")
    assert await join(client, add(caller)) is None
    assert ari.world.bridges == {BRIDGE: [caller]}
    assert ari.count("add_channel") == 4


async def test_it_is_not_waited_for_ever(
    ari: FakeAri, client: AriClient, caller: ChannelId, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A channel that never comes: the connection has failed."""
    monkeypatch.setattr("adapter.ari.stasis.PAUSE", 0.001)
    await join(client, CREATE)
    ari.fail("add_channel", 422, times=1000, message="Channel not in Stasis application")
    assert isinstance(await join(client, add(caller)), BridgeRefused)
    assert ari.count("add_channel") == TRIES + 1


@pytest.mark.parametrize("status", [409, 422])
async def test_another_refusal_is_not_waited_for(
    ari: FakeAri, client: AriClient, caller: ChannelId, status: int
) -> None:
    """Asterisk says with the same status that a channel is being recorded: it stays so."""
    await join(client, CREATE)
    ari.fail("add_channel", status, message="Channel currently recording")
    assert isinstance(await join(client, add(caller)), BridgeRefused)
    assert ari.count("add_channel") == 1


@pytest.mark.parametrize("effect", [CREATE, add(NOBODY)])
@pytest.mark.parametrize(("status", "error"), [(0, Unreachable), (503, Unavailable)])
async def test_no_answer_is_no_refusal(
    ari: FakeAri,
    client: AriClient,
    effect: o.CreateBridge | o.AddToBridge,
    status: int,
    error: type[Exception],
) -> None:
    """Asterisk is away, or boots: the row says what was ordered, the call is not given up."""
    for verb in ("create_bridge", "get_bridge", "add_channel"):
        ari.fail(verb, status, times=5)
    with pytest.raises(error):
        await join(client, effect)


# Sounds


@pytest.mark.parametrize(
    ("sound", "start", "stop"),
    [
        (Sound.MUSIC, "start_moh", "stop_moh"),
        (Sound.RINGING, "ring", "stop_ringing"),
        (Sound.SILENCE, "start_silence", "stop_silence"),
    ],
)
async def test_sounds(
    ari: FakeAri, client: AriClient, caller: ChannelId, sound: Sound, start: str, stop: str
) -> None:
    """Each has its request; of a channel that is gone, or not with us, nothing is said."""
    begin, end = o.StartSound(channel=caller, sound=sound), o.StopSound(channel=caller, sound=sound)
    assert await join(client, begin) is None
    assert await join(client, end) is None
    assert [one.ids["channel"] for one in ari.seen(start) + ari.seen(stop)] == [caller, caller]
    assert await join(client, o.StartSound(channel=NOBODY, sound=sound)) is None
    assert await join(client, o.StopSound(channel=NOBODY, sound=sound)) is None
    ari.channels[caller].in_stasis = False
    assert await join(client, begin) is None
    assert await join(client, end) is None
    ari.fail(start, 500)
    with pytest.raises(ServerFault):
        await join(client, begin)


# Answering machines


async def test_an_answer_is_judged_in_the_dialplan(
    ari: FakeAri, client: AriClient, caller: ChannelId
) -> None:
    """The arguments are set first; then the channel goes to where AMD() is."""
    detection = Detection(total=7.0)
    assert await join(client, o.JudgeAnswer(channel=caller, detection=detection)) is None
    (variable,) = ari.seen("set_variable")
    assert variable.query | (variable.body or {}) == {
        "variable": "AMDARGS",
        "value": amd_arguments(detection),
    }
    (onward,) = ari.seen("continue")
    assert onward.query == {"context": "amd", "extension": "s", "priority": "1"}
    with pytest.raises(NotFound):
        await join(client, o.JudgeAnswer(channel=NOBODY, detection=detection))


def test_the_arguments_of_amd() -> None:
    """Milliseconds, in the order of the application's documentation; two are left to amd.conf."""
    assert amd_arguments(Detection()) == "2500,1500,800,5000,,,3"
    detection = Detection(
        initial_silence=1.0, greeting=2.0, after_greeting=0.25, total=4.5, words=5
    )
    assert amd_arguments(detection) == "1000,2000,250,4500,,,5"


@pytest.mark.parametrize(
    ("args", "machine", "detail"),
    [
        (("amd", "MACHINE", "LONGGREETING-1500-1500"), True, "MACHINE LONGGREETING-1500-1500"),
        (("amd", "HUMAN", "HUMAN-800-800"), False, "HUMAN HUMAN-800-800"),
        (("amd", "NOTSURE", "TOOLONG-5000"), None, "NOTSURE TOOLONG-5000"),
        (("amd", "HANGUP", ""), None, "HANGUP "),
        (("amd", "", ""), None, " "),
        (("amd",), None, ""),
        (("amd", "machine"), None, "machine"),
    ],
)
def test_the_verdict_of_amd(args: tuple[str, ...], machine: bool | None, detail: str) -> None:
    """What is neither is no verdict; the cause is for people."""
    assert verdict(args) == (machine, detail)
