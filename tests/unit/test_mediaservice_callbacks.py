"""`newCall` and `getIvrCommand` as an application gets them, over real HTTP, and its answers."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from typing import Any

import aiohttp
import jwt
import pytest

from adapter.contracts.mediaservice.callbacks import Applications
from adapter.contracts.mediaservice.ports import Asking
from adapter.contracts.mediaservice.tokens import read_reply_id
from adapter.core.faults import NoAnswer
from adapter.core.ids import ChannelId, question_of
from adapter.core.invite import Invite
from adapter.core.model import Call, CallState, Direction, EndCause, Phrase, Topic
from adapter.core.outputs import Ask
from adapter.outbox import signing
from tests.fakes import tokens as theirs
from tests.fakes.webhook_sink import HANG, Reply, WebhookSink
from tests.unit.build import INBOUND_CHANNEL, NOW, dialogue
from tests.unit.mediaservice_house import CONTEXT, DOMAIN, REFERENCE, SECRET, Directory, call

INVITE = Invite(
    headers={
        "From": ('"Carl" <sip:fromUser@phone.example>;tag=a',),
        "P-Asserted-Identity": ('"Carl Carlsson" <sip:+46890510@sbc.example>',),
        "X-Room-ID": ("room-9",),
        "X-Many": ("val1", "val2"),
        "Diversion": ("<sip:user@domain.com>;reason=time-of-day", "<sip:b@c>"),
        "Referred-By": ('<sip:referrer@referrer.example>;cid="2@referrer.example"',),
        "Subject": ("A call",),
    },
    source="127.0.0.1",
)
OFFERED = call(Direction.INBOUND, CallState.OFFERED)
UP = call(Direction.INBOUND, CallState.UP)


class House:
    """An application at the other end of real HTTP, and what asks it."""

    def __init__(self, sink: WebhookSink, session: aiohttp.ClientSession) -> None:
        self.sink = sink
        self.invite = INVITE
        self.timeout = 2.0
        self.directory = Directory()
        self._session = session

    async def ask(self, row: Call, topic: Topic) -> Any:
        asking = Asking(
            directory=self.directory,
            post=self._post,
            sign=signing.headers,
            headers=self._headers,
            prompt_file=lambda domain, name: f"prompts/{domain}/{name}.wav",
            now=lambda: NOW,
            ivr_server="192.0.2.7",
            timeout=self.timeout,
        )
        context = {**row.context, "callback_url": self.sink.url("/base/")}
        question = Ask(question=question_of(row.id, dialogue(row).asked), topic=topic)
        return await Applications(asking).ask(replace(row, context=context), question)

    async def _headers(self, channel: ChannelId) -> Invite:
        assert channel == INBOUND_CHANNEL
        return self.invite

    async def _post(
        self, url: str, body: bytes, headers: Mapping[str, str], timeout: float
    ) -> tuple[int, bytes]:
        limit = aiohttp.ClientTimeout(total=timeout)
        try:
            async with self._session.post(url, data=body, headers=headers, timeout=limit) as answer:
                return answer.status, await answer.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise NoAnswer(type(error).__name__) from error


@pytest.fixture
async def house() -> AsyncIterator[House]:
    async with WebhookSink() as sink, aiohttp.ClientSession() as session:
        sink.default = Reply(body=b'{"action": "ivr"}')
        yield House(sink, session)


async def failure(house: House, row: Call, topic: Topic) -> str:
    with pytest.raises(NoAnswer) as none:
        await house.ask(row, topic)
    return str(none.value)


async def test_new_call(house: House) -> None:
    """All that the document says of an inbound call, in the document's types."""
    row = replace(OFFERED, context=CONTEXT | {"sip_call_id": "5473001594892095000@sbc"})
    await house.ask(row, Topic.OFFER)
    [request] = house.sink.received
    assert request.path == "/base/newCall"
    assert request.headers["Content-Type"] == "application/json"
    assert request.json == {
        "sessionId": row.id,
        "sipCallId": "5473001594892095000@sbc",
        "ivrServer": "192.0.2.7",
        "callingPartyPrivacy": "public",
        "callingParty": "+46890510",
        "displayName": "Carl Carlsson",
        "fromUser": "fromUser",
        "xHeaders": {"X-Room-ID": "room-9", "X-Many": ["val1", "val2"]},
        "pHeaders": {"P-Asserted-Identity": '"Carl Carlsson" <sip:+46890510@sbc.example>'},
        "calledParty": "+4911",
        "diversionHeaders": "<sip:user@domain.com>;reason=time-of-day, <sip:b@c>",
        "referredBy": '<sip:referrer@referrer.example>;cid="2@referrer.example"',
        "paiNumber": "+46890510",
        "subject": "A call",
        "srcAddr": "127.0.0.1",
    }


async def test_new_call_of_an_invite_that_cannot_be_read(house: House) -> None:
    """What Asterisk has told with the call's arrival is there all the same; no nulls."""
    house.invite = Invite()
    await house.ask(replace(OFFERED, context=CONTEXT | {"caller_name": "Carl"}), Topic.OFFER)
    assert house.sink.received[0].json == {
        "sessionId": OFFERED.id,
        "ivrServer": "192.0.2.7",
        "callingPartyPrivacy": "public",
        "callingParty": "+4922",
        "displayName": "Carl",
        "calledParty": "+4911",
    }


@pytest.mark.parametrize(
    ("headers", "caller"),
    [
        ({"Privacy": ("id;critical",), "From": ("<sip:+4612@h>",)}, "+4612"),
        ({"Privacy": ("user",), "From": ("<sip:a@h>",)}, "+4922"),
        ({"From": ('"Anonymous" <sip:anonymous@anonymous.invalid>;tag=1',)}, ""),
        ({}, ""),
    ],
)
async def test_a_secret_caller(
    house: House, headers: dict[str, tuple[str, ...]], caller: str
) -> None:
    """`callingPartyPrivacy` by the Privacy header, an anonymous From, or no number at all."""
    house.invite = Invite(headers=headers)
    await house.ask(replace(OFFERED, caller=caller), Topic.OFFER)
    assert house.sink.received[0].json["callingPartyPrivacy"] == "secret"


@pytest.mark.parametrize("value", ["none", "session"])
async def test_a_public_caller(house: House, value: str) -> None:
    """Other values of the Privacy header do not hide the number (RFC 3323, 4.2)."""
    house.invite = Invite(headers={"Privacy": (value,)})
    await house.ask(OFFERED, Topic.OFFER)
    assert house.sink.received[0].json["callingPartyPrivacy"] == "public"


async def test_signed_both_ways(house: House) -> None:
    """The JWT says the domain and the body's hash; Standard Webhooks headers as well."""
    await house.ask(OFFERED, Topic.OFFER)
    [request] = house.sink.received
    scheme, _, token = request.headers["Authorization"].partition(" ")
    claims = jwt.decode(token, theirs.public_pem("ours"), ["RS256"], options={"verify_exp": False})
    assert scheme == "Bearer"
    assert claims["domain"] == DOMAIN.name
    assert claims["body_sha256"] == hashlib.sha256(request.body).hexdigest()
    assert request.id == f"{OFFERED.id}-q1"
    signed = signing.headers(request.id, int(NOW), request.body, SECRET)
    assert request.headers["webhook-signature"] == signed["webhook-signature"]


async def test_answers(house: House) -> None:
    """Both kinds of answers become instructions."""
    house.sink.script(
        Reply(body=b'{"action": "drop", "dropCode": "busy"}'),
        Reply(body=b'{"phrases": [{"format": "file", "fileName": "welcome"}]}'),
    )
    assert (await house.ask(OFFERED, Topic.OFFER)).turn_away is EndCause.BUSY
    prompt = (await house.ask(UP, Topic.NEXT)).prompt
    assert prompt.id == "q2"
    assert prompt.phrases == (Phrase(file="prompts/one.example/welcome.wav"),)


async def test_get_ivr_command(house: House) -> None:
    """The first question of an answered call; the `replyId` stands for its command."""
    house.sink.default = Reply(body=b'{"hangup": true}')
    made = await house.ask(UP, Topic.NEXT)
    [request] = house.sink.received
    body = request.json
    reply = read_reply_id(DOMAIN, body.pop("replyId"))
    assert request.path == "/base/getIvrCommand"
    assert body == {
        "sessionId": UP.id,
        "sessionReferenceId": REFERENCE,
        "ivrServer": "192.0.2.7",
    }
    assert (reply.session, reply.subject, reply.kind) == (UP.id, f"{UP.id}.q2", "command")
    assert made.hang_up


@pytest.mark.parametrize("status", [404, 500, 302, 401])
async def test_no_2xx_is_no_answer(house: House, status: int) -> None:
    """Without a fallback there is one try, and then the words of the alarm."""
    house.sink.default = Reply(status, body=b'{"action": "ivr"}')
    assert await failure(house, OFFERED, Topic.OFFER) == "newCall request failed"
    assert await failure(house, UP, Topic.NEXT) == "getIvrCommand request error"
    assert len(house.sink.received) == 2


async def test_the_fallback_is_asked_once(house: House) -> None:
    """When the first base gives no answer; the body is the same, and so is the webhook-id."""
    fallback = house.sink.url("/second")
    house.directory = Directory(replace(DOMAIN, fallback_url=fallback))
    house.sink.script(503, path="/base/newCall")
    await house.ask(OFFERED, Topic.OFFER)
    first, second = house.sink.received
    assert (first.path, second.path) == ("/base/newCall", "/second/newCall")
    assert (first.body, first.id) == (second.body, second.id)
    house.sink.default = Reply(404)
    assert await failure(house, OFFERED, Topic.OFFER) == "newCall request failed"
    assert len(house.sink.received) == 4


async def test_an_answer_that_cannot_be_used_is_an_answer(house: House) -> None:
    """The fallback is for an application that is away, not for one that is wrong."""
    house.directory = Directory(replace(DOMAIN, fallback_url=house.sink.url("/second")))
    house.sink.default = Reply(body=b'{"action": "dance"}')
    assert await failure(house, OFFERED, Topic.OFFER) == "newCall response with unknown action"
    assert len(house.sink.received) == 1


async def test_too_slow(house: House) -> None:
    """A try has a limit; then it is the fallback's turn."""
    house.timeout = 0.2
    house.directory = Directory(replace(DOMAIN, fallback_url=house.sink.url("/second")))
    house.sink.script(HANG, path="/base/newCall")
    await house.ask(OFFERED, Topic.OFFER)
    assert [one.path for one in house.sink.received] == ["/base/newCall", "/second/newCall"]


async def test_a_domain_that_is_gone(house: House) -> None:
    """Unprovisioned during a call: nobody can be asked."""
    house.directory.domains.clear()
    assert await failure(house, UP, Topic.NEXT) == "getIvrCommand request error"
    assert house.sink.received == []
