"""EnableX Voice API: the routes of calls, and who an inbound call is for.

Source: enablex-voice.txt with the decisions of enablex.md. Each handler parses, gives one
order to the engine and words the answer. What can be known before is checked before anything is
written or dialled; who asks, before any handler (`auth`). A request with an Idempotency-Key is
carried out once (`adapter.contracts.idempotency`).
"""

from __future__ import annotations

import msgspec
from aiohttp import web
from msgspec import UNSET

from adapter.contracts.enablex import NAME, parse, words
from adapter.contracts.enablex import errors as problems
from adapter.contracts.enablex.action import Action, act
from adapter.contracts.enablex.auth import APP
from adapter.contracts.enablex.dialling import Dialling
from adapter.contracts.enablex.inbound import context_of
from adapter.contracts.enablex.own_call import own_call
from adapter.contracts.enablex.playing import Playing
from adapter.contracts.enablex.ports import Ports, held, must_be_reachable
from adapter.contracts.http import json_response, read_body, send_first
from adapter.core.ids import RecordingId, channel_of
from adapter.core.inputs import (
    AcceptCall,
    EndCall,
    PlaceCall,
)
from adapter.core.model import (
    Call,
    Detection,
    LegOrder,
    PromptOrder,
    RecordingOrder,
)
from adapter.core.tenants import App
from adapter.core.tenants import Number as OwnNumber

_call_request = msgspec.json.Decoder(parse.CallRequest)
_accept_request = msgspec.json.Decoder(parse.AcceptRequest)


class Voice:
    """The call routes and the reception of inbound calls."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports
        self._engine = ports.engine
        self._dialling = Dialling(ports)
        self._playing = Playing(ports)

    async def place(self, request: web.Request) -> web.StreamResponse:
        """`POST /call`: dial out."""
        app = request[APP]
        async with self._ports.answers.once(request, app.id) as answer:
            if answer.earlier:
                return answer.earlier
            body = await read_body(request, _call_request)
            order = self._place_order(app, body)
            if not self._ports.open_for_calls():
                raise problems.unavailable()
            self._ports.gate.admit(app)
            reply = answer.worded(lambda call: words.call_reply(call, self._ports.now()))
            with held(self._ports, order.id):
                self._engine.open(order, reply)
                return await send_first(request, answer.response())

    async def show(self, request: web.Request) -> web.StreamResponse:
        """`GET /call/{voice_id}`: its state."""
        call = self._own(request)
        return json_response(words.state_reply(call, self._ports.now()))

    async def hang_up(self, request: web.Request) -> web.StreamResponse:
        """`DELETE /call/{voice_id}`: also while Asterisk is away; then it is done at its return."""
        call = self._own(request)
        call = self._engine.apply(call.id, EndCall())
        return json_response(words.hangup_reply(call, self._ports.now()))

    async def accept(self, request: web.Request) -> web.StreamResponse:
        """`PUT /call/{voice_id}/accept`: answer."""
        return await act(request, self._ports, _accept_request, self.do_accept)

    async def do_accept(self, action: Action, _: object) -> web.StreamResponse:
        """What `accept` does; its body says nothing."""
        must_be_reachable(self._ports)
        reply = action.answer.worded(lambda call: words.status_reply(call, self._ports.now()))
        self._engine.apply(action.call.id, AcceptCall(), reply)
        return action.answer.response()

    def _own(self, request: web.Request) -> Call:
        return own_call(request, self._engine, request[APP])

    def _place_order(self, app: App, body: parse.CallRequest) -> PlaceCall:
        if not body.from_ or not body.to:
            raise problems.bad_request(f"'{'to' if body.from_ else 'from'}' is required")
        number = self._dialling.own_number(app, body.from_, problems.foreign_number)
        dial = self._dialling.order(app, number, body.from_, body.to, None)
        parse.check_call(body)
        context = self._context(app, number, body)
        on_answer = (
            *self._ports.greetings.of(app, number.outbound_greeting),
            *self._action(app, body),
        )
        call = self._ports.new_id()
        return PlaceCall(
            id=call,
            contract=NAME,
            owner=app.id,
            caller=body.from_,
            callee=body.to,
            channel=channel_of(call, 1),
            dial=dial,
            max_duration=self._ports.max_duration,
            on_answer=on_answer,
            connect_on_answer=self._connection(app, body),
            record_on_answer=self._recording(body),
            detection=self._detection(app, number, body),
            context=context,
        )

    def _connection(self, app: App, body: parse.CallRequest) -> LegOrder | None:
        wanted = body.action_on_connect.connect if body.action_on_connect else None
        if wanted is None:
            return None
        return self._dialling.leg(app, wanted.from_ or body.from_, wanted.to, wanted.timeout)

    def _recording(self, body: parse.CallRequest) -> RecordingOrder | None:
        if not body.auto_record:
            return None
        if not self._ports.recording_ready():
            raise problems.recording_failed()
        return RecordingOrder(id=RecordingId(self._ports.new_id()))

    def _detection(self, app: App, number: OwnNumber, body: parse.CallRequest) -> Detection | None:
        wanted = body.voicemail_detection
        if wanted is UNSET:
            wanted = number.voicemail_detection
        if wanted is False:
            return None
        tuned = wanted if isinstance(wanted, parse.VoicemailDetection) else None
        drop = tuned.drop if tuned else None
        return parse.detection_of(tuned, self._playing.order(app, drop) if drop else None)

    def _action(self, app: App, body: parse.CallRequest) -> tuple[PromptOrder, ...]:
        action = body.action_on_connect
        if action is None or action.play is None:
            return ()
        return (self._playing.order(app, action.play, action),)

    def _context(self, app: App, number: OwnNumber, body: parse.CallRequest) -> dict[str, object]:
        if body.event_url is not None:
            try:
                self._ports.check_url(body.event_url)
            except ValueError as refused:
                raise problems.bad_request(f"event_url: {refused}") from refused
        context = context_of(body.event_url or number.event_url or app.event_url)
        for key in ("owner_ref", "custom_data"):
            value = getattr(body, key)
            if value is not msgspec.UNSET:
                parse.check_depth(key, value)
                context[key] = value
        return context
