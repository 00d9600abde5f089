"""EnableX, generation 0: every action is `POST /calls/{voice_id}`, and says in its body which.

Source: enablex.md, the table of generations. Each key of the body holds what the route of that name
takes in the later generations, and does the same; replies and webhooks are the same too. Not here:
what an action is and does (`voice`, `playing`, `bridging`).
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from aiohttp import web
from msgspec import UNSET, Meta, Struct, UnsetType

from adapter.contracts.enablex import errors as problems
from adapter.contracts.enablex import parse
from adapter.contracts.enablex.action import TIME_ALIAS, Action, act
from adapter.contracts.enablex.bridging import Bridging
from adapter.contracts.enablex.playing import Playing
from adapter.contracts.enablex.ports import Ports
from adapter.contracts.enablex.voice import Voice
from adapter.contracts.enablex.words import Body


class ActionRequest(Struct, kw_only=True):
    """`POST /calls/{voice_id}`: exactly one of these keys; other ones are ignored."""

    play: parse.PlayRequest | UnsetType = UNSET
    connect: parse.ConnectRequest | UnsetType = UNSET
    transfer: parse.TransferRequest | UnsetType = UNSET
    forward: parse.ForwardRequest | UnsetType = UNSET
    hold: Annotated[bool | UnsetType, Meta(description="true: hold; false: joined again")] = UNSET
    record: parse.RecordingRequest | UnsetType = UNSET
    accept: Annotated[
        Any, Meta(description="answers the call; any value but false", examples=[True, {}])
    ] = UNSET


class ActionReply(Body, kw_only=True, omit_defaults=True):
    """`POST /calls/{voice_id}`: the reply of the route that has the action's name."""

    state: str | UnsetType = UNSET
    status: str | UnsetType = UNSET
    playstate: str | UnsetType = UNSET
    play_id: str | UnsetType = UNSET
    bridge_id: str | UnsetType = UNSET
    channel_id: str | UnsetType = UNSET
    recording_id: str | UnsetType = UNSET
    msg: str | UnsetType = UNSET
    timeStamp: str | UnsetType = UNSET


_request = msgspec.json.Decoder(ActionRequest)


class Generation0:
    """The routes under `/calls`.

    Args:
        ports: what the front end works with.
        voice, playing, bridging: carry out what is asked for.
    """

    def __init__(self, ports: Ports, voice: Voice, playing: Playing, bridging: Bridging) -> None:
        self._ports = ports
        self._voice = voice
        self._playing = playing
        self._bridging = bridging

    async def call_out(self, request: web.Request) -> web.StreamResponse:
        """`POST /calls`: as `POST /call`."""
        return await self._voice.place(request)

    async def look_at(self, request: web.Request) -> web.StreamResponse:
        """`GET /calls/{voice_id}`: as `GET /call/{voice_id}`."""
        return await self._voice.show(request)

    async def end(self, request: web.Request) -> web.StreamResponse:
        """`DELETE /calls/{voice_id}`: as `DELETE /call/{voice_id}`."""
        return await self._voice.hang_up(request)

    async def act(self, request: web.Request) -> web.StreamResponse:
        """`POST /calls/{voice_id}`: the action that the body names."""
        return await act(request, self._ports, _request, self._do)

    async def _do(self, action: Action, body: ActionRequest) -> web.StreamResponse:
        given = [key for key in body.__struct_fields__ if getattr(body, key) is not UNSET]
        if len(given) != 1:
            raise problems.bad_request(f"exactly one of {_KEYS} is required")
        if isinstance(body.play, parse.PlayRequest):
            action.request[TIME_ALIAS] = True
            return await self._playing.do_play(action, body.play)
        if isinstance(body.connect, parse.ConnectRequest):
            return await self._bridging.do_connect(action, body.connect)
        if isinstance(body.transfer, parse.TransferRequest):
            return await self._bridging.do_transfer(action, body.transfer)
        if isinstance(body.forward, parse.ForwardRequest):
            return await self._bridging.do_forward(action, body.forward)
        if isinstance(body.hold, bool):
            return await self._bridging.do_hold(action, parse.HoldRequest(hold=body.hold))
        if isinstance(body.record, parse.RecordingRequest):
            action.request[TIME_ALIAS] = True
            return await self._bridging.do_record(action, body.record)
        if body.accept in (False, "false"):
            raise problems.bad_request("accept can't be false; DELETE rejects the call")
        return await self._voice.do_accept(action, body.accept)


_KEYS = ", ".join(ActionRequest.__struct_fields__)
