"""EnableX Voice API: the routes of calls, and who an inbound call is for.

Source: enablex-voice.txt with the decisions of enablex.md. Each handler authenticates, parses,
gives one order to the engine and words the answer. What can be known before is checked before
anything is written or dialled.
"""

from __future__ import annotations

import asyncio

import msgspec
from aiohttp import web

from adapter.contracts.enablex import NAME, parse, words
from adapter.contracts.enablex import errors as problems
from adapter.contracts.enablex.auth import authenticate
from adapter.contracts.enablex.ports import Ports
from adapter.contracts.http import json_response, read_body, send_first
from adapter.core.destinations import (
    DestinationInvalid,
    Destinations,
    Number,
    SipUri,
    dial_string,
    parse_destination,
    phone_dial_string,
)
from adapter.core.errors import CallUnknown, NoPrompt
from adapter.core.faults import MediaUnavailable
from adapter.core.ids import CallId, PromptId, channel_of
from adapter.core.inputs import (
    AcceptCall,
    CallArrived,
    EndCall,
    OfferCall,
    PlaceCall,
    StartPrompt,
    StopPrompt,
)
from adapter.core.model import Call, DialOrder, EndCause, Media, Phrase, PromptOrder
from adapter.core.tenants import DEFAULT_GREETING_NAME, App
from adapter.core.tenants import Number as OwnNumber

SYNTHESIS_WAIT = 2.0  # how long the reply to play waits for speech (enablex.md, "play")

_call_request = msgspec.json.Decoder(parse.CallRequest)
_play_request = msgspec.json.Decoder(parse.PlayRequest)
_accept_request = msgspec.json.Decoder(parse.AcceptRequest)


class Voice:
    """The call routes and the reception of inbound calls."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports
        self._engine = ports.engine

    async def place(self, request: web.Request) -> web.StreamResponse:
        """`POST /call`: dial out."""
        app = authenticate(request, self._ports.directory)
        body = await read_body(request, _call_request)
        order = self._place_order(app, body)
        if not self._ports.open_for_calls():
            raise problems.unavailable()
        self._ports.lanes.hold(order.id)
        try:
            call = self._engine.open(order)
            reply = words.call_reply(call, self._ports.now())
            return await send_first(request, json_response(reply))
        finally:
            self._ports.lanes.release(order.id)

    async def show(self, request: web.Request) -> web.StreamResponse:
        """`GET /call/{voice_id}`: its state."""
        call = self._owned(authenticate(request, self._ports.directory), request)
        return json_response(words.state_reply(call, self._ports.now()))

    async def hang_up(self, request: web.Request) -> web.StreamResponse:
        """`DELETE /call/{voice_id}`: also while Asterisk is away; then it is done at its return."""
        call = self._owned(authenticate(request, self._ports.directory), request)
        call = self._engine.apply(call.id, EndCall())
        return json_response(words.hangup_reply(call, self._ports.now()))

    async def accept(self, request: web.Request) -> web.StreamResponse:
        """`PUT /call/{voice_id}/accept`: answer."""
        call = self._owned(authenticate(request, self._ports.directory), request)
        request[CALL] = call
        await read_body(request, _accept_request)
        self._must_be_reachable()
        call = self._engine.apply(call.id, AcceptCall())
        return json_response(words.status_reply(call, self._ports.now()))

    async def play(self, request: web.Request) -> web.StreamResponse:
        """`PUT /call/{voice_id}/play`: start or stop a prompt."""
        app = authenticate(request, self._ports.directory)
        call = self._owned(app, request)
        request[CALL] = call
        body = await read_body(request, _play_request)
        if body.stop:
            return self._stop(call, body)
        parse.check_play(body)
        self._must_be_reachable()
        phrase = self._phrase(app, body)
        order = parse.order_of(body, PromptId(self._ports.new_id()), phrase)
        self._engine.would(call.id, StartPrompt(order=order))
        media = await self._media(phrase)
        self._ports.lanes.hold(call.id)
        try:
            call = self._engine.apply(call.id, StartPrompt(order=order, media=media))
            reply = words.play_reply(call, order.id, "initiated", self._ports.now())
            return await send_first(request, json_response(reply))
        finally:
            self._ports.lanes.release(call.id)

    def receive(self, arrival: CallArrived, call: CallId) -> OfferCall | EndCause:
        """Whose an inbound call is: the app of the number that was called."""
        number = self._ports.directory.number(arrival.called)
        if number is None or not number.inbound:
            return EndCause.NOT_FOUND
        if not self._ports.open_for_calls():
            return EndCause.CONGESTION
        app = self._ports.directory.app(number.app)
        if app is None:
            return EndCause.NOT_FOUND
        greeting = self._greeting(app, number.greeting)
        return OfferCall(
            id=call,
            contract=NAME,
            owner=app.id,
            caller=arrival.caller,
            callee=arrival.called,
            channel=arrival.channel,
            max_duration=self._ports.max_duration,
            accept_timeout=number.accept_timeout,
            auto_answer=bool(greeting),
            on_answer=greeting,
            context=_event_url(number.event_url or app.event_url),
        )

    def _owned(self, app: App, request: web.Request) -> Call:
        """The call that the path names; another app's is unknown (enablex.md, "Base")."""
        call = self._engine.get(CallId(request.match_info["voice_id"]))
        if call is None or call.contract != NAME or call.owner != app.id:
            raise CallUnknown
        return call

    def _must_be_reachable(self) -> None:
        if not self._ports.reachable():
            raise problems.unavailable()

    def _place_order(self, app: App, body: parse.CallRequest) -> PlaceCall:
        if not body.from_ or not body.to:
            raise problems.bad_request(f"'{'to' if body.from_ else 'from'}' is required")
        number = self._own_number(app, body.from_)
        try:
            destination = parse_destination(body.to)
        except DestinationInvalid as invalid:
            raise problems.bad_request(f"'to': {invalid}") from invalid
        if not Destinations(app.allowed_destinations).allows(destination):
            raise problems.forbidden_destination()
        parse.check_later_features(body)
        context = self._context(app, number, body)
        on_answer = self._greeting(app, number.outbound_greeting) + self._action(app, body)
        call = self._ports.new_id()
        return PlaceCall(
            id=call,
            contract=NAME,
            owner=app.id,
            caller=body.from_,
            callee=body.to,
            channel=channel_of(call, 1),
            dial=DialOrder(
                endpoint=self._endpoint(destination, number),
                caller_number=body.from_,
                ring_timeout=self._ports.ring_timeout,
            ),
            max_duration=self._ports.max_duration,
            on_answer=on_answer,
            context=context,
        )

    def _own_number(self, app: App, text: str) -> OwnNumber:
        """The caller id, when it may be used (enablex.md, "Outbound")."""
        number = self._ports.directory.number(text)
        if number is None or number.app != app.id:
            raise problems.foreign_number()
        if not number.outbound or number.trunk is None:
            raise problems.service_not_found()
        return number

    def _endpoint(self, destination: Number | SipUri, number: OwnNumber) -> str:
        """One of our own phones when the number is its extension; else through the trunk."""
        if isinstance(destination, Number):
            phone = self._ports.directory.phone(destination.digits)
            if phone is not None:
                return phone_dial_string(phone.extension)
        assert number.trunk is not None  # noqa: S101 - _own_number has looked
        return dial_string(destination, number.trunk)

    def _context(self, app: App, number: OwnNumber, body: parse.CallRequest) -> dict[str, object]:
        if body.event_url is not None:
            try:
                self._ports.check_url(body.event_url)
            except ValueError as refused:
                raise problems.bad_request(f"event_url: {refused}") from refused
        context = _event_url(body.event_url or number.event_url or app.event_url)
        for key in ("owner_ref", "custom_data"):
            value = getattr(body, key)
            if value is not msgspec.UNSET:
                parse.check_depth(key, value)
                context[key] = value
        return context

    def _action(self, app: App, body: parse.CallRequest) -> tuple[PromptOrder, ...]:
        action = body.action_on_connect
        if action is None or action.play is None:
            return ()
        parse.check_play(action.play)
        phrase = self._phrase(app, action.play)
        prompt = PromptId(self._ports.new_id())
        return (parse.order_of(action.play, prompt, phrase, action.start_timeout),)

    def _greeting(self, app: App, name: str | None) -> tuple[PromptOrder, ...]:
        """A number's greeting; a name that is gone since it was provisioned plays nothing."""
        if name is None:
            return ()
        if name == DEFAULT_GREETING_NAME:
            phrase = self._ports.default_greeting
        else:
            stored = self._ports.directory.prompt(app.id, name)
            if stored is None:
                return ()
            phrase = Phrase(file=stored.path)
        return (PromptOrder(id=PromptId(self._ports.new_id()), phrases=(phrase,)),)

    def _phrase(self, app: App, play: parse.Play) -> Phrase:
        if play.prompt_name is not None:
            stored = self._ports.directory.prompt(app.id, play.prompt_name)
            if stored is None:
                raise problems.prompt_not_found(play.prompt_name)
            return Phrase(file=stored.path)
        if not self._ports.speech.supports(play.language, play.voice):
            raise problems.voice_not_supported()
        return Phrase(text=play.text, language=play.language, voice=play.voice)

    async def _media(self, phrase: Phrase) -> tuple[Media, ...]:
        """The audio, when it is there while the reply waits; nothing while it is still made.

        What takes longer is not given up: the prompt machine asks for the same, and joins it.
        """
        task = asyncio.ensure_future(self._ports.speech.prepare((phrase,)))
        task.add_done_callback(_look_at)
        done, _ = await asyncio.wait([task], timeout=SYNTHESIS_WAIT)
        if not done:
            return ()
        try:
            return task.result()
        except MediaUnavailable as failed:
            spoken = phrase.text is not None
            raise (problems.speech_failed() if spoken else problems.media_failed()) from failed

    def _stop(self, call: Call, body: parse.PlayRequest) -> web.Response:
        running = call.prompt.order.id if call.prompt else None
        stop = StopPrompt(prompt=PromptId(body.play_id) if body.play_id else running)
        call = self._engine.apply(call.id, stop)
        if stop.prompt is None:
            raise NoPrompt
        reply = words.play_reply(call, stop.prompt, "stopped", self._ports.now())
        return json_response(reply)


CALL = web.RequestKey("call", Call)


def _look_at(task: asyncio.Future[tuple[Media, ...]]) -> None:
    """Nobody may be waiting any more when it fails."""
    if not task.cancelled():
        task.exception()


def _event_url(url: str | None) -> dict[str, object]:
    return {"event_url": url} if url else {}
