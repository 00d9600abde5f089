"""The call flow over HTTP: what an application orders of its own accord, and inbound calls.

Source: mediaservice.txt with the decisions of mediaservice.md. The rest of a flow is questions to
the application (`callbacks`). Each handler parses, gives one order to the engine and answers
`{"success": true}`. Not here: who may ask (`server`), prompt files (`promptfiles`).
"""

from __future__ import annotations

from typing import Any

import msgspec
from aiohttp import web
from msgspec import Struct

from adapter.contracts.http import Route, json_response, read_body, send_first
from adapter.contracts.mediaservice import NAME, dialling
from adapter.contracts.mediaservice.access import DOMAIN
from adapter.contracts.mediaservice.dialling import PlaceIvrCall
from adapter.contracts.mediaservice.errors import Problem, bad_request, not_available
from adapter.contracts.mediaservice.parse import nested_too_deep
from adapter.contracts.mediaservice.ports import Ports
from adapter.contracts.mediaservice.replies import Failure, Success, done
from adapter.contracts.mediaservice.tokens import ReplyId, ReplyIdInvalid, read_reply_id
from adapter.contracts.mediaservice.words import COMMAND
from adapter.core.destinations import (
    DestinationInvalid,
    Destinations,
    Number,
    dial_string,
    parse_destination,
    phone_dial_string,
)
from adapter.core.errors import CallUnknown
from adapter.core.ids import CallId, QuestionId, channel_of
from adapter.core.inputs import AskAnew, CallArrived, EndCall, OfferCall, PlaceCall
from adapter.core.model import Call, DialOrder, EndCause
from adapter.core.tenants import Domain

ACCEPT_TIMEOUT = 60.0  # later than the end of the question: an offered call does not end by itself


class Addressed(Struct, kw_only=True):
    """What names a session, or somebody in it."""

    replyId: str | None = None
    sessionId: str | None = None


class HangupParticipant(Addressed, kw_only=True):
    """`POST /{domain}/hangupparticipant`."""

    participantId: str | None = None


class InterruptIvrCommand(Addressed, kw_only=True):
    """`POST /{domain}/interruptivrcommand`."""


_hangup_request = msgspec.json.Decoder(HangupParticipant)
_interrupt_request = msgspec.json.Decoder(InterruptIvrCommand)


class Flow:
    """The routes of the call flow, and the reception of inbound calls."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports
        self._engine = ports.engine

    async def place(self, request: web.Request) -> web.StreamResponse:
        """`POST /{domain}/placeivrcall`: dial out; once answered, the application is asked."""
        domain = request[DOMAIN]
        body = await read_body(request, dialling.request)
        order = self._order(domain, body)
        if not self._ports.open_for_calls():
            raise Problem(502, "No calls are taken now", headers={"Retry-After": "5"})
        dialling.note_what_cannot_be_set(body, domain.name)
        self._ports.lanes.hold(order.id)
        try:
            self._engine.open(order)
            return await send_first(request, json_response(Success()))
        finally:
            self._ports.lanes.release(order.id)

    async def hang_up(self, request: web.Request) -> web.StreamResponse:
        """`POST /{domain}/hangupparticipant`: in a session with one SIP leg, that ends it."""
        domain = request[DOMAIN]
        body = await read_body(request, _hangup_request)
        call = self._addressed(domain, body, _reply(domain, body), body.participantId)
        self._engine.apply(call.id, EndCall())
        return done()

    async def interrupt(self, request: web.Request) -> web.StreamResponse:
        """`POST /{domain}/interruptivrcommand`: leave what is being done, and ask anew."""
        domain = request[DOMAIN]
        body = await read_body(request, _interrupt_request)
        reply = _reply(domain, body)
        call = self._addressed(domain, body, reply)
        question = QuestionId(reply.subject) if reply and reply.kind == COMMAND else None
        self._engine.apply(call.id, AskAnew(question=question))
        return done()

    def receive(self, arrival: CallArrived, call: CallId) -> OfferCall | EndCause:
        """Whose an inbound call is: the domain of the number that was called."""
        number = self._ports.directory.number(arrival.called)
        if number is None or not number.inbound or number.service != "ivr":
            return EndCause.NOT_FOUND
        if not self._ports.open_for_calls():
            return EndCause.CONGESTION
        domain = self._ports.directory.domain(number.domain)
        if domain is None:
            return EndCause.NOT_FOUND
        context = self._context(domain, call)
        if arrival.sip_call_id:
            context["sip_call_id"] = arrival.sip_call_id
        if arrival.caller_name:
            context["caller_name"] = arrival.caller_name
        return OfferCall(
            id=call,
            contract=NAME,
            owner=domain.name,
            caller=arrival.caller,
            callee=arrival.called,
            channel=arrival.channel,
            max_duration=domain.max_session,
            accept_timeout=ACCEPT_TIMEOUT,
            asks=True,
            context=context,
        )

    def _order(self, domain: Domain, body: PlaceIvrCall) -> PlaceCall:
        if body.mediaserviceId:
            raise Problem(404, "No such mediaserviceId")
        if nested_too_deep(body.sessionReferenceId):
            raise bad_request("sessionReferenceId is nested too deeply")
        caller = dialling.user("sipFrom", body.sipFrom)
        endpoint = self._endpoint(domain, body.destAddr)
        number, whole = dialling.diversion(body, domain.name)
        call = self._ports.new_id()
        context = self._context(domain, call)
        if body.traceId:
            context["trace"] = body.traceId
        if body.sessionReferenceId is not msgspec.UNSET:
            context["reference"] = body.sessionReferenceId
        return PlaceCall(
            id=call,
            contract=NAME,
            owner=domain.name,
            caller=caller,
            callee=body.destAddr,
            channel=channel_of(call, 1),
            dial=DialOrder(
                endpoint=endpoint,
                caller_number=caller,
                caller_name=dialling.display_name(body.displayName),
                ring_timeout=body.maxRingTime or self._ports.ring_timeout,
                private=bool(body.callerPrivacy),
                diversion=number,
                headers=(*dialling.headers(body), *whole),
            ),
            max_duration=domain.max_session,
            asks=True,
            context=context,
        )

    def _endpoint(self, domain: Domain, text: str) -> str:
        """What is dialled, when the domain may call there.

        Raises:
            Problem: 400.
        """
        try:
            destination = parse_destination(text)
        except DestinationInvalid as invalid:
            raise bad_request(f"destAddr: {invalid}") from invalid
        if not Destinations(domain.allowed_destinations).allows(destination):
            raise bad_request("destAddr: this destination is not allowed")
        if isinstance(destination, Number):
            phone = self._ports.directory.phone(destination.digits)
            if phone is not None:
                return phone_dial_string(phone.extension)
            if domain.trunk is None:
                raise bad_request("destAddr: the domain has no trunk for numbers")
        return dial_string(destination, domain.trunk or "")

    def _context(self, domain: Domain, call: CallId) -> dict[str, Any]:
        """What is known of a session when it begins; see `words`."""
        context = {
            "callback_url": domain.callback_url,
            "trace": call,
            "connection": self._ports.new_id(),
            "participant": self._ports.new_id(),
            "ivr": self._ports.new_id(),
        }
        return context | ({"alarm_url": domain.alarm_url} if domain.alarm_url else {})

    def _addressed(
        self,
        domain: Domain,
        body: Addressed,
        reply: ReplyId | None,
        participant: str | None = None,
    ) -> Call:
        """The session that a request means.

        Raises:
            Problem: 400: nothing that names one.
            CallUnknown: no such session of this domain, or nobody of this id in it.
        """
        session = reply.session if reply else body.sessionId
        if session:
            call = self._engine.get(CallId(session))
        elif participant:
            call = self._with_participant(participant)
        else:
            raise bad_request("replyId or sessionId is required")
        if call is None or (call.contract, call.owner) != (NAME, domain.name):
            raise CallUnknown
        if participant and participant not in (call.context["participant"], call.context["ivr"]):
            raise CallUnknown
        return call

    def _with_participant(self, participant: str) -> Call | None:
        return next(
            (
                call
                for call in self._engine.live.values()
                if participant in (call.context.get("participant"), call.context.get("ivr"))
            ),
            None,
        )


def _reply(domain: Domain, body: Addressed) -> ReplyId | None:
    """What the `replyId` of a request stands for. Raises Problem (400) when it is not ours."""
    if not body.replyId:
        return None
    try:
        return read_reply_id(domain, body.replyId)
    except ReplyIdInvalid as invalid:
        raise bad_request("replyId is not valid", str(invalid)) from invalid


def _not_yet(name: str, summary: str) -> Route:
    """A route that says so; its handler has a name of its own, as operations in OpenAPI have."""

    async def handler(_owner: object, _request: web.Request) -> web.StreamResponse:
        raise not_available(name)

    handler.__name__ = name
    return Route(
        methods=("POST",),
        path=f"/{{domain}}/{name}",
        handler=handler,
        summary=f"{summary} (not available in this version)",
        replies=dict.fromkeys((400, 401, 404, 429), Failure),
    )


FLOW_ROUTES: tuple[Route, ...] = (
    Route(
        methods=("POST",),
        path="/{domain}/placeivrcall",
        handler=Flow.place,
        summary="Call somebody, and connect the call with the IVR",
        request=PlaceIvrCall,
        replies={200: Success} | dict.fromkeys((400, 401, 404, 429, 502), Failure),
    ),
    Route(
        methods=("POST",),
        path="/{domain}/hangupparticipant",
        handler=Flow.hang_up,
        summary="Hang up a participant",
        request=HangupParticipant,
        replies={200: Success} | dict.fromkeys((400, 401, 404, 429, 502), Failure),
    ),
    Route(
        methods=("POST",),
        path="/{domain}/interruptivrcommand",
        handler=Flow.interrupt,
        summary="Interrupt the IVR command that runs, and ask for a new one",
        request=InterruptIvrCommand,
        replies={200: Success} | dict.fromkeys((400, 401, 404, 409, 429, 502), Failure),
    ),
    _not_yet("hangupcall", "End a remote call"),
    _not_yet("hangupcalljwt", "End a remote call"),
    _not_yet("answerremotecall", "Answer a remote call"),
    _not_yet("answerremotecalljwt", "Answer a remote call"),
    _not_yet("placeremotecall", "Place a remote call"),
    _not_yet("placeremotecalljwt", "Place a remote call"),
    _not_yet("sendremotecallringback", "Ring for a remote call"),
    _not_yet("sendremotecallringbackjwt", "Ring for a remote call"),
    _not_yet("hangupremoteparticipant", "Hang up the other side of a participant"),
    _not_yet("splitconnection", "Split a connection"),
    _not_yet("startrecording", "Record a connection"),
    _not_yet("stoprecording", "Stop recording a connection"),
)
