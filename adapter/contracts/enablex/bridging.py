"""EnableX: further parties of a call (`connect`, `transfer`, `forward`, `hold`) and its recording.

Source: enablex-voice.txt with enablex.md, "connect, transfer, forward, hold" and "recording".
"""

from __future__ import annotations

import msgspec
from aiohttp import web

from adapter.contracts.enablex import errors as problems
from adapter.contracts.enablex import parse, words
from adapter.contracts.enablex.action import Action, act, give
from adapter.contracts.enablex.dialling import Dialling
from adapter.contracts.enablex.ports import Ports, must_be_reachable, reserve
from adapter.core.errors import CallNotUp, CoreError
from adapter.core.faults import StoreFailed
from adapter.core.ids import RecordingId, bridge_of
from adapter.core.inputs import (
    ConnectCall,
    ForwardCall,
    HoldCall,
    Input,
    StartRecording,
    StopRecording,
    TransferCall,
)
from adapter.core.model import Call, RecordingOrder

_connect_request = msgspec.json.Decoder(parse.ConnectRequest)
_transfer_request = msgspec.json.Decoder(parse.TransferRequest)
_forward_request = msgspec.json.Decoder(parse.ForwardRequest)
_hold_request = msgspec.json.Decoder(parse.HoldRequest)
_recording_request = msgspec.json.Decoder(parse.RecordingRequest)


class Bridging:
    """The routes of what is joined with a call."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports
        self._engine = ports.engine
        self._dialling = Dialling(ports)

    async def connect(self, request: web.Request) -> web.StreamResponse:
        """`PUT /call/{voice_id}/connect`: join the call with another party."""
        return await act(request, self._ports, _connect_request, self.do_connect)

    async def transfer(self, request: web.Request) -> web.StreamResponse:
        """`PUT /call/{voice_id}/transfer`: attended."""
        return await act(request, self._ports, _transfer_request, self.do_transfer)

    async def forward(self, request: web.Request) -> web.StreamResponse:
        """`PUT /call/{voice_id}/forward`: blind."""
        return await act(request, self._ports, _forward_request, self.do_forward)

    async def hold(self, request: web.Request) -> web.StreamResponse:
        """`PUT /call/{voice_id}/hold`: hold, or join again."""
        return await act(request, self._ports, _hold_request, self.do_hold)

    async def record(self, request: web.Request) -> web.StreamResponse:
        """`PUT /call/{voice_id}/recording`: start or stop recording."""
        return await act(request, self._ports, _recording_request, self.do_record)

    async def do_connect(self, action: Action, body: parse.ConnectRequest) -> web.StreamResponse:
        """What `connect` does, wherever its body stood."""
        order = self._dialling.leg(action.app, body.from_, body.to, body.timeout)
        must_be_reachable(self._ports)
        bridge = bridge_of(action.call.id, action.call.bridges + 1)
        given = ConnectCall(order=order)
        self._admit(action, given)
        return await give(
            action,
            self._ports,
            given,
            lambda done: words.connect_reply(done, bridge, order, self._ports.now()),
        )

    async def do_transfer(self, action: Action, body: parse.TransferRequest) -> web.StreamResponse:
        """What `transfer` does."""
        order = self._dialling.leg(
            action.app, body.from_, body.transfer_to, body.timeout, key="transfer_to"
        )
        self._must_be_reachable()
        given = TransferCall(order=order)
        self._admit(action, given)
        return await give(
            action,
            self._ports,
            given,
            lambda done: words.transfer_reply(done, done.further_legs[-1], self._ports.now()),
        )

    async def do_forward(self, action: Action, body: parse.ForwardRequest) -> web.StreamResponse:
        """What `forward` does."""
        order = self._dialling.leg(action.app, body.from_, body.to, body.timeout)
        self._must_be_reachable()
        given = ForwardCall(order=order)
        self._admit(action, given)
        return await give(
            action,
            self._ports,
            given,
            lambda done: words.forward_reply(done, order, self._ports.now()),
        )

    async def do_hold(self, action: Action, body: parse.HoldRequest) -> web.StreamResponse:
        """What `hold` does."""
        must_be_reachable(self._ports)
        return await give(
            action,
            self._ports,
            HoldCall(on=body.hold),
            lambda done: words.status_reply(done, self._ports.now()),
        )

    async def do_record(self, action: Action, body: parse.RecordingRequest) -> web.StreamResponse:
        """What `recording` does."""
        if body.start == body.stop:
            raise problems.bad_request("exactly one of start and stop must be true")
        must_be_reachable(self._ports)
        order = self._recording(body.recording_name) if body.start else None
        given: Input = StartRecording(order=order) if order else StopRecording()
        try:
            self._engine.would(action.call.id, given)
            return await self._recorded(action, given, order)
        except CallNotUp:
            raise problems.not_bridged_for_recording() from None

    def _recording(self, name: str | None) -> RecordingOrder:
        if not self._ports.recording_ready():
            raise problems.recording_failed()
        context = {"recording_name": name} if name else {}
        return RecordingOrder(id=RecordingId(self._ports.new_id()), context=context)

    async def _recorded(
        self, action: Action, given: Input, order: RecordingOrder | None
    ) -> web.StreamResponse:
        """Start a recording, whose name is reserved before; or without an order stop it."""
        if order is not None:
            reserve(self._ports, action.call.owner, action.call.id, order)
        try:
            return await give(
                action,
                self._ports,
                given,
                lambda done: words.recording_reply(done, _recording_of(done), self._ports.now()),
            )
        except (CoreError, StoreFailed):
            if order is not None:
                self._ports.recordings.release(order.id)
            raise

    def _admit(self, action: Action, given: Input) -> None:
        """Ask for one more leg, when the call would take it: a refused order takes no token."""
        self._engine.would(action.call.id, given)
        self._ports.gate.admit(action.app)

    def _must_be_reachable(self) -> None:
        if not self._ports.reachable():
            raise problems.internal_error()


def _recording_of(call: Call) -> RecordingId:
    """The recording that was just started, or is just being saved."""
    assert call.recording is not None  # noqa: S101 - both orders leave one in the row
    return call.recording.order.id
