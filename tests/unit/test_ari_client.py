"""adapter.ari.client, channels, bridges, transport and verbs, against a real HTTP server."""

from __future__ import annotations

import contextlib
import inspect
import json
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from adapter.ari import verbs
from adapter.ari.client import AriClient
from adapter.ari.errors import (
    AllocationFailed,
    BadAnswer,
    BadRequest,
    Conflict,
    Forbidden,
    InvalidArgument,
    NotFound,
    PreconditionFailed,
    Refused,
    ServerFault,
    Unprocessable,
)
from adapter.ari.verbs import Verb
from tests.fakes.ari_model import Callee
from tests.fakes.ari_recorder import Recorder
from tests.fakes.ari_server import FakeAri


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


async def _live(ari: FakeAri, client: AriClient, channel: str) -> None:
    await client.create_channel("PJSIP/100@trunk", channel)
    await ari.wait_for(lambda: ari.channels[channel].in_stasis)
    await client.dial(channel, 30)
    await ari.wait_for(lambda: ari.channels[channel].state == "Up")


@pytest.fixture
async def recorder() -> AsyncIterator[Recorder]:
    """A running Recorder."""
    async with Recorder() as made:
        yield made


@pytest.fixture
async def recorded(recorder: Recorder) -> AsyncIterator[AriClient]:
    """A client of the recorder."""
    async with AriClient(recorder.base_url, "u", "p", app="voice", timeout=0.5) as made:
        yield made


Call = Callable[[AriClient], Awaitable[object]]
CALLS: dict[Verb, Call] = {
    verbs.PING: lambda c: c.ping(),
    verbs.INFO: lambda c: c.info(),
    verbs.GET_CONFIG: lambda c: c.get_config("aor", "x"),
    verbs.PUT_CONFIG: lambda c: c.put_config("aor", "x", {"a": "b"}),
    verbs.DELETE_CONFIG: lambda c: c.delete_config("aor", "x"),
    verbs.GET_APPLICATION: lambda c: c.get_application(),
    verbs.SUBSCRIBE: lambda c: c.subscribe("channel:x"),
    verbs.EVENT_FILTER: lambda c: c.event_filter(["Dial"]),
    verbs.LIST_ENDPOINTS: lambda c: c.list_endpoints(),
    verbs.LIST_CHANNELS: lambda c: c.list_channels(),
    verbs.CREATE_CHANNEL: lambda c: c.create_channel(
        "PJSIP/1@t", "x", originator="y", app_args="a", variables={"a": "b"}
    ),
    verbs.EXTERNAL_MEDIA: lambda c: c.external_media(
        "x", "h", "slin16", transport="websocket", encapsulation="none",
        connection_type="client", data="d", transport_data="v(a=b)", direction="both",
    ),
    verbs.GET_CHANNEL: lambda c: c.get_channel("x"),
    verbs.HANGUP: lambda c: c.hangup("x", reason="busy"),
    verbs.DIAL: lambda c: c.dial("x", 3, caller="y"),
    verbs.RING: lambda c: c.ring("x"),
    verbs.STOP_RINGING: lambda c: c.stop_ringing("x"),
    verbs.ANSWER: lambda c: c.answer("x"),
    verbs.PLAY: lambda c: c.play("x", ["sound:a"], "p"),
    verbs.SEND_DTMF: lambda c: c.send_dtmf("x", "12#"),
    verbs.GET_VARIABLE: lambda c: c.get_variable("x", "V"),
    verbs.SET_VARIABLE: lambda c: c.set_variable("x", "V", "1", report=True),
    verbs.CONTINUE: lambda c: c.continue_in_dialplan("x", context="amd"),
    verbs.REDIRECT: lambda c: c.redirect("x", "PJSIP/sip:a@b"),
    verbs.TRANSFER_PROGRESS: lambda c: c.transfer_progress("x", "channel_answered"),
    verbs.HOLD: lambda c: c.hold("x"),
    verbs.UNHOLD: lambda c: c.unhold("x"),
    verbs.START_MOH: lambda c: c.start_moh("x", "default"),
    verbs.STOP_MOH: lambda c: c.stop_moh("x"),
    verbs.START_SILENCE: lambda c: c.start_silence("x"),
    verbs.STOP_SILENCE: lambda c: c.stop_silence("x"),
    verbs.MUTE: lambda c: c.mute("x", "in"),
    verbs.UNMUTE: lambda c: c.unmute("x", "in"),
    verbs.RECORD: lambda c: c.record("x", "calls/r"),
    verbs.SNOOP: lambda c: c.snoop("x", "s", spy="in"),
    verbs.GET_PLAYBACK: lambda c: c.get_playback("p"),
    verbs.STOP_PLAYBACK: lambda c: c.stop_playback("p"),
    verbs.LIST_BRIDGES: lambda c: c.list_bridges(),
    verbs.CREATE_BRIDGE: lambda c: c.create_bridge("b", name="n"),
    verbs.GET_BRIDGE: lambda c: c.get_bridge("b"),
    verbs.DELETE_BRIDGE: lambda c: c.delete_bridge("b"),
    verbs.ADD_CHANNEL: lambda c: c.add_channel("b", "x", mute=True),
    verbs.REMOVE_CHANNEL: lambda c: c.remove_channel("b", "x"),
    verbs.PLAY_ON_BRIDGE: lambda c: c.play_on_bridge("b", ["sound:a"], "p"),
    verbs.RECORD_BRIDGE: lambda c: c.record_bridge("b", "r"),
    verbs.START_BRIDGE_MOH: lambda c: c.start_bridge_moh("b", "default"),
    verbs.STOP_BRIDGE_MOH: lambda c: c.stop_bridge_moh("b"),
    verbs.STOP_RECORDING: lambda c: c.stop_recording("calls/r"),
    verbs.DISCARD_RECORDING: lambda c: c.discard_recording("calls/r"),
}  # fmt: skip
EVERY = sorted(CALLS, key=lambda verb: verb.name)


def test_every_verb_has_a_method_and_a_call_here() -> None:
    """No verb is declared in vain and no public method is left out below."""
    assert set(CALLS) == set(verbs.ALL) - {verbs.EVENTS}
    methods = {
        name
        for name, value in inspect.getmembers(AriClient, inspect.iscoroutinefunction)
        if not name.startswith("_")
    }
    assert len(methods - {"close", "connect_events"}) == len(CALLS)


@pytest.mark.parametrize("verb", EVERY, ids=lambda verb: verb.name)
async def test_each_request_stays_within_its_declaration(
    verb: Verb, recorded: AriClient, recorder: Recorder
) -> None:
    """Method, path and parameters on the wire are those of the table the drift test checks."""
    recorder.status = 429
    with pytest.raises(Refused) as caught:
        await CALLS[verb](recorded)
    assert caught.value.verb == verb.name
    [(method, path, query, text)] = recorder.seen
    assert method == verb.method
    assert len(path.split("/")) == len(f"/ari{verb.path}".split("/"))
    literal = [part for part in verb.path.split("/") if not part.startswith("{")]
    assert [part for part in path.split("/")[2:] if part in literal] == literal[1:]
    sent = set(query) | set(_keys(text)) - {"allowed"}
    assert sent <= set(verb.params)


def _keys(text: bytes) -> list[str]:
    return list(json.loads(text)) if text else []


@pytest.mark.parametrize("verb", EVERY, ids=lambda verb: verb.name)
async def test_nothing_but_ari_errors_comes_out(
    verb: Verb, recorded: AriClient, recorder: Recorder
) -> None:
    """A 200 with junk, and a 500 with junk, are AriErrors or are not looked at."""
    recorder.body = b"\xff[["
    with contextlib.suppress(BadAnswer):
        await CALLS[verb](recorded)
    recorder.status = 500
    with pytest.raises(ServerFault):
        await CALLS[verb](recorded)


async def test_values_survive_the_query(ari: FakeAri, client: AriClient) -> None:
    """Separators, spaces, plus signs and Unicode arrive as they were."""
    await client.create_channel("PJSIP/100@trunk", "c1")
    value = '"Müller & Co" <+49;a=b>?#%41, /\\'
    await client.set_variable("c1", "CONNECTEDLINE(all,i)", value, report=True)
    assert await client.get_variable("c1", "CONNECTEDLINE(all,i)") == value
    channel = await client.get_channel("c1")
    assert channel is not None
    assert channel.channelvars == {"CONNECTEDLINE(all,i)": value}


async def test_play_sends_its_media_in_the_body(ari: FakeAri, client: AriClient) -> None:
    """A comma in a media URI does not split it."""
    await _live(ari, client, "c1")
    playback = await client.play("c1", ["tone:440/500,0/500", "sound:b"], "p1")
    assert (playback.id, playback.state, playback.channel_id) == ("p1", "queued", "c1")
    [sent] = ari.seen("play")
    assert sent.body == {"media": ["tone:440/500,0/500", "sound:b"], "playbackId": "p1"}


async def test_gone_is_done(ari: FakeAri, client: AriClient) -> None:
    """A DELETE answered by 404 is success, a GET answered by 404 is None."""
    await client.hangup("none")
    await client.stop_playback("none")
    await client.delete_bridge("none")
    await client.delete_config("aor", "none")
    assert await client.get_channel("none") is None
    assert await client.get_playback("none") is None
    assert await client.get_bridge("none") is None
    assert await client.get_config("aor", "none") is None
    assert await client.get_application() is None
    assert await client.get_variable("none", "X") is None


async def test_a_dying_bridge_is_deleted(recorded: AriClient, recorder: Recorder) -> None:
    """409 "Bridge not in Stasis application" is what a second DELETE gets at first."""
    recorder.status = 409
    await recorded.delete_bridge("b")
    assert len(recorder.seen) == 1


async def test_refusals_are_typed(ari: FakeAri, client: AriClient) -> None:
    """Each refusal the lab saw comes out as its own class."""
    ari.callee("dead", Callee(unreachable=True))
    with pytest.raises(AllocationFailed):
        await client.create_channel("PJSIP/dead@trunk", "c0")
    with pytest.raises(BadRequest):
        await client.create_channel("PJSIP/", "c0")
    await client.create_channel("PJSIP/100@trunk", "c1")
    with pytest.raises(Conflict):
        await client.create_channel("PJSIP/100@trunk", "c1")
    await ari.wait_for(lambda: ari.channels["c1"].in_stasis)
    with pytest.raises(PreconditionFailed):
        await client.play("c1", ["sound:a"], "p1")
    with pytest.raises(NotFound):
        await client.play("none", ["sound:a"], "p1")
    await client.create_bridge("b1")
    with pytest.raises(Unprocessable):
        await client.remove_channel("b1", "c1")
    with pytest.raises(BadRequest):
        await client.hangup("c1", reason="tired")
    with pytest.raises(ServerFault) as caught:
        await client.get_variable("c1", "PJSIP_HEADER(read,X-No)")
    assert caught.value.message == "Unable to read provided function"


async def test_hangup_takes_one_reason(client: AriClient) -> None:
    """A SIP status as reason_code, or two reasons, are refused: Asterisk would misread them."""
    with pytest.raises(InvalidArgument):
        await client.hangup("c", reason_code=486)
    with pytest.raises(InvalidArgument):
        await client.hangup("c", reason="busy", reason_code=17)


async def test_dial_rounds_up_to_whole_seconds(ari: FakeAri, client: AriClient) -> None:
    """Asterisk counts whole seconds; 0 would mean no limit."""
    ari.callee("100", Callee.rings_out())
    for seconds, sent in ((0.0, "1"), (1.2, "2"), (30.0, "30")):
        channel = f"c{sent}"
        await client.create_channel("PJSIP/100@trunk", channel)
        await ari.wait_for(lambda name=channel: ari.channels[name].in_stasis)  # type: ignore[misc]
        await client.dial(channel, seconds)
        assert ari.seen("dial")[-1].query == {"timeout": sent}


async def test_configuration_is_put_read_and_deleted(ari: FakeAri, client: AriClient) -> None:
    """A dynamic object's attributes come back with all their values; a static one is Forbidden."""
    await client.put_config("endpoint", "trunk", {"context": "inbound", "aors": "trunk"})
    assert await client.get_config("endpoint", "trunk") == {
        "context": ["inbound"],
        "aors": ["trunk"],
    }
    assert [endpoint.resource for endpoint in await client.list_endpoints()] == ["trunk"]
    await client.delete_config("endpoint", "trunk")
    assert await client.list_endpoints() == []
    ari.static_config.add(("endpoint", "fixed"))
    with pytest.raises(Forbidden):
        await client.put_config("endpoint", "fixed", {})


async def test_info_names_the_release(client: AriClient) -> None:
    """The version is there for the start-up check."""
    assert (await client.info()).version == "22.10.1"
