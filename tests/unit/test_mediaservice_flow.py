"""The call flow over real HTTP: what applications order, whose sessions they are, hostile input."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

import pytest
from aiohttp import ClientSession
from aiohttp.test_utils import TestServer

from adapter.contracts.mediaservice import server
from adapter.contracts.mediaservice.flow import FLOW_ROUTES, Flow
from adapter.contracts.mediaservice.ports import Ports
from adapter.contracts.mediaservice.tokens import ReplyId, reply_id
from adapter.contracts.mediaservice.words import Words
from adapter.core import inputs as i
from adapter.core.ids import CallId, ChannelId
from adapter.core.model import Call, CallState, EndCause, Instruction
from adapter.core.outputs import CreateChannel, Dial, Hangup
from adapter.core.tenants import Number, Phone
from adapter.engine.engine import Engine
from tests.fakes import tokens as theirs
from tests.fakes.engine_ports import (
    Counter,
    NotedOutbox,
    ScriptedApplications,
    SimulatedAsterisk,
    SlowSpeech,
)
from tests.fakes.engine_world import world_of
from tests.unit.build import NOW, call_id
from tests.unit.mediaservice_house import DOMAIN, Directory

OTHER = replace(DOMAIN, name="two.example")
BEARER = {"Authorization": "Bearer " + theirs.rs256("application", {"exp": NOW + 60})}
PLACE = {"destAddr": "+46890200", "sipFrom": "46890510"}


class Provisioned(Directory):
    """Two domains, a number and a phone."""

    def number(self, digits: str) -> Number | None:
        """A number, with or without a leading plus."""
        if digits.removeprefix("+") != "46890510":
            return None
        return Number(
            number="46890510",
            app="",
            domain=DOMAIN.name,
            service="ivr",
            event_url=None,
            trunk=None,
            inbound=True,
            outbound=True,
            greeting=None,
            outbound_greeting=None,
            accept_timeout=30.0,
        )

    def phone(self, extension: str) -> Phone | None:
        """A phone by its extension."""
        if extension != "460003":
            return None
        return Phone(extension=extension, password="secret", name=None, recording=False)


class NoStore:
    """Keeps nothing: what is written is tested where it is written."""

    def save(self, *_: object) -> tuple[()]:
        """Write nothing."""
        return ()

    def load(self, call: CallId) -> Call | None:
        """No call is known here."""
        return None

    def live(self) -> list[Call]:
        """No live ones."""
        return []


class Lanes:
    """Notes what is held and released."""

    def __init__(self) -> None:
        self.noted: list[tuple[str, str]] = []

    def hold(self, lane: str) -> None:
        """Deliver nothing of this lane."""
        self.noted.append(("hold", lane))

    def release(self, lane: str) -> None:
        """Go on."""
        self.noted.append(("release", lane))


@dataclass
class House:
    """The front end on an engine with simulated ports, and a client with the domain's token.

    Attributes:
        gate: what `open_for_calls` says.
    """

    session: ClientSession
    base: str
    flow: Flow
    engine: Engine
    asterisk: SimulatedAsterisk
    applications: ScriptedApplications
    lanes: Lanes
    gate: list[bool]

    async def post(self, path: str, body: Any, domain: str = DOMAIN.name) -> tuple[int, Any]:
        """One request."""
        url = f"{self.base}/{domain}/{path}"
        async with self.session.post(url, json=body, headers=BEARER) as answer:
            return answer.status, await answer.json()

    async def placed(self, **more: Any) -> CreateChannel:
        """The channel that a `placeivrcall` has ordered."""
        assert await self.post("placeivrcall", PLACE | more) == (200, {"success": True})
        await settle()
        made = self.asterisk.done(CreateChannel)[-1]
        assert isinstance(made, CreateChannel)
        return made

    async def session_up(self) -> Call:
        """A call that is answered, whose application is being asked."""
        channel = (await self.placed()).channel
        await settle()
        self.asterisk.picks_up(channel)
        await settle()
        return self.only

    @property
    def only(self) -> Call:
        """The one live call."""
        [call] = self.engine.live.values()
        return call


async def settle() -> None:
    """Let everything that waits for the loop happen."""
    for _ in range(20):
        await asyncio.sleep(0)


@pytest.fixture
async def house() -> AsyncIterator[House]:
    directory = Provisioned(DOMAIN, OTHER)
    numbers = count(1)
    asterisk, applications, lanes, gate = (
        SimulatedAsterisk(),
        ScriptedApplications(),
        Lanes(),
        [True],
    )
    engine = Engine(
        store=NoStore(),
        outbox=NotedOutbox(),
        contracts={"mediaservice": Words(directory)},
        world=world_of(asterisk, SlowSpeech(), applications),
        observer=Counter(),
        now=lambda: NOW,
        fatal=lambda failed: None,
    )

    def hear(fact: i.Input | i.CallArrived) -> None:
        if isinstance(fact, i.ChannelReady | i.ChannelUp | i.ChannelGone):
            found = engine.call_on(fact.channel)
            assert found is not None
            engine.tell(found, fact)

    asterisk.hear = hear
    flow = Flow(
        Ports(
            engine=engine,
            directory=directory,
            lanes=lanes,
            open_for_calls=lambda: gate[-1],
            new_id=lambda: call_id(next(numbers)),
            ring_timeout=60.0,
        )
    )
    app = server.application([(FLOW_ROUTES, flow)], directory, lambda: NOW)
    async with TestServer(app) as http, ClientSession() as session:
        base = str(http.make_url("")).rstrip("/")
        yield House(session, base, flow, engine, asterisk, applications, lanes, gate)
    engine.timers.clear()
    await engine.effects.close()


async def test_place(house: House) -> None:
    """A number goes through the domain's trunk; the reply comes before the notifications."""
    made = await house.placed()
    call = house.only
    assert (made.endpoint, made.caller_number) == ("PJSIP/+46890200@trunk-carrier", "46890510")
    assert (call.owner, call.contract, call.asks) == ("one.example", "mediaservice", True)
    assert call.max_duration == DOMAIN.max_session
    assert call.context["callback_url"] == DOMAIN.callback_url
    assert call.context["trace"] == call.id
    assert len({call.context[key] for key in ("connection", "participant", "ivr")}) == 3
    assert house.lanes.noted == [("hold", call.id), ("release", call.id)]


async def test_place_with_everything(house: House) -> None:
    """Caller id, privacy, diversion, headers, ring time, reference and trace."""
    made = await house.placed(
        sipFrom=46890510,
        displayName="Donald Duck",
        callerPrivacy=True,
        sipDiversion=123456,
        xHeaders={"X-header1": "val1", "x-header3": ["val1", 2, True, None]},
        pHeaders={"p-header2": 'a;b="c"'},
        contactParameters={"prop1": "val1"},
        sessionReferenceId={"deep": [1, None]},
        traceId="trace-9",
        maxRingTime=2.5,
    )
    assert (made.caller_number, made.caller_name) == ("46890510", "Donald Duck")
    assert (made.private, made.diversion) == (True, "123456")
    assert made.headers == (
        ("X-header1", "val1"),
        ("x-header3", "val1"),
        ("x-header3", "2"),
        ("x-header3", "true"),
        ("p-header2", 'a;b="c"'),
    )
    await settle()
    assert [one.timeout for one in house.asterisk.log if isinstance(one, Dial)] == [7.5]
    assert house.only.context["reference"] == {"deep": [1, None]}
    assert house.only.context["trace"] == "trace-9"


@pytest.mark.parametrize(
    ("to", "endpoint"),
    [
        ("sip:anna@sip.example", "PJSIP/sip-uri/sip:anna@sip.example"),
        ("460003", "PJSIP/460003"),
    ],
)
async def test_other_destinations(house: House, to: str, endpoint: str) -> None:
    """A SIP address, and one of our own phones."""
    assert (await house.placed(destAddr=to)).endpoint == endpoint


@pytest.mark.parametrize(
    "change",
    [
        {"destAddr": ""},
        {"destAddr": "+4712"},
        {"destAddr": "sip:a@other.example"},
        {"destAddr": "Local/1@inbound"},
        {"destAddr": "sip:a@sip.example?X-Evil=1"},
        {"destAddr": ["sip:a@sip.example"]},
        {"sipFrom": "1\r\nX-Evil: 1"},
        {"displayName": "a\r\nX-Evil: 1"},
        {"sipDiversion": "1>;x"},
        {"xHeaders": {"X-A": "b\r\nX-Evil: 1"}},
        {"maxRingTime": 0},
        {"maxRingTime": "soon"},
        {"callerPrivacy": "perhaps"},
    ],
)
async def test_refused(house: House, change: Any) -> None:
    """Wrong or hostile: 400 with a reason, and nothing is dialled."""
    status, reply = await house.post("placeivrcall", PLACE | change)
    assert (status, reply["success"]) == (400, False)
    assert reply["reason"]
    assert not house.engine.live


async def test_reference_too_deep(house: House) -> None:
    """What is to be given back is not nested without end."""
    deep: Any = "x"
    for _ in range(80):
        deep = [deep]
    assert (await house.post("placeivrcall", PLACE | {"sessionReferenceId": deep}))[0] == 400


async def test_unknown_mediaservice(house: House) -> None:
    """A `mediaserviceId` that the domain does not have."""
    assert (await house.post("placeivrcall", PLACE | {"mediaserviceId": "x"}))[0] == 404


async def test_closed(house: House) -> None:
    """While draining nothing new is begun."""
    house.gate.append(False)
    assert (await house.post("placeivrcall", PLACE))[0] == 502


async def test_hang_up_by_each_name(house: House) -> None:
    """A session is found by its id, a `replyId`, or a participant."""
    for key in ("sessionId", "replyId", "participantId"):
        call = await house.session_up()
        leg = call.context["participant"]
        reply = reply_id(DOMAIN, ReplyId(DOMAIN.name, call.id, leg, "participant"))
        value = {"sessionId": call.id, "replyId": reply, "participantId": leg}[key]
        assert await house.post("hangupparticipant", {key: value}) == (200, {"success": True})
        await settle()
        assert not house.engine.live
    assert len(house.asterisk.done(Hangup)) == 3


async def test_two_domains_cannot_see_one_another(house: House) -> None:
    """Another domain's session is unknown, and its `replyId` is none of ours."""
    call = await house.session_up()
    reply = reply_id(DOMAIN, ReplyId(DOMAIN.name, call.id, "", "command"))
    for path in ("hangupparticipant", "interruptivrcommand"):
        assert (await house.post(path, {"sessionId": call.id}, OTHER.name))[0] == 404
        assert (await house.post(path, {"replyId": reply}, OTHER.name))[0] == 400
    leg = {"participantId": call.context["participant"]}
    assert (await house.post("hangupparticipant", leg, OTHER.name))[0] == 404
    assert house.only.state is CallState.UP


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ({"sessionId": None}, 400),
        ({"replyId": "x.y.z"}, 400),
        ({"sessionId": "nobody"}, 404),
        ({"participantId": "nobody"}, 404),
        ({"sessionId": 7}, 400),
    ],
)
async def test_nobody_to_hang_up(house: House, body: Any, status: int) -> None:
    """What names nothing, and what names nobody."""
    assert (await house.post("hangupparticipant", body))[0] == status


async def test_participant_of_another_session(house: House) -> None:
    """Session and participant must belong together."""
    call = await house.session_up()
    body = {"sessionId": call.id, "participantId": "nobody"}
    assert (await house.post("hangupparticipant", body))[0] == 404


async def test_interrupt(house: House) -> None:
    """What is being done is left, and the application is asked again; an old command is gone."""
    call = await house.session_up()
    house.applications.answers(Instruction(pause=60.0))
    await settle()
    first = reply_id(DOMAIN, ReplyId(DOMAIN.name, call.id, f"{call.id}.q1", "command"))
    assert await house.post("interruptivrcommand", {"replyId": first}) == (200, {"success": True})
    await settle()
    assert house.applications.questions == [f"{call.id}.q1", f"{call.id}.q2"]
    assert (await house.post("interruptivrcommand", {"sessionId": call.id}))[0] == 409
    house.applications.answers(Instruction(pause=60.0))
    await settle()
    assert (await house.post("interruptivrcommand", {"replyId": first}))[0] == 409


@pytest.mark.parametrize("path", ["hangupcall", "placeremotecall", "startrecording"])
async def test_what_comes_later_says_so(house: House, path: str) -> None:
    """Documented, and not in this version: 400 that names it."""
    status, reply = await house.post(path, {"replyId": "x"})
    assert (status, reply["reason"]) == (400, f"{path} is not available in this version")


def arrival(called: str = "+46890510") -> i.CallArrived:
    return i.CallArrived(
        channel=ChannelId("ast-1.1"),
        endpoint="trunk-carrier",
        called=called,
        caller="+4670",
        caller_name="Carl",
        sip_call_id="abc@sbc",
    )


async def test_reception(house: House) -> None:
    """A call to a number of the domain is offered, and its application asked."""
    offer = house.flow.receive(arrival(), call_id(900))
    assert isinstance(offer, i.OfferCall)
    assert (offer.owner, offer.asks, offer.auto_answer) == ("one.example", True, False)
    assert offer.context["sip_call_id"] == "abc@sbc"
    assert offer.context["caller_name"] == "Carl"
    assert offer.accept_timeout > 30


async def test_turned_away(house: House) -> None:
    """No such number; not now."""
    assert house.flow.receive(arrival("+4699"), call_id(900)) is EndCause.NOT_FOUND
    house.gate.append(False)
    assert house.flow.receive(arrival(), call_id(900)) is EndCause.CONGESTION


def test_one_handler_for_each_route() -> None:
    """The document names operations by their handlers."""
    names = [route.handler.__name__ for route in FLOW_ROUTES]
    assert len(names) == len({*names})
