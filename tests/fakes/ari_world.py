"""What goes on inside the fake Asterisk: channels, playbacks, bridges and the events they make.

No HTTP here (`ari_server` has it) and nothing of ours: what it does comes from lab.md and lab2.md,
and where a live scenario differs, this is wrong. Delays are seconds of real time, zero by default,
and then events still come in a later turn of the loop than the request that caused them.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable
from typing import Any

from tests.fakes.ari_bridges import Emit, FakeBridges
from tests.fakes.ari_model import (
    CAUSE_TEXT,
    KNOWN_SCHEMES,
    REASONS,
    SIP_CAUSES,
    Callee,
    FakeChannel,
    FakePlayback,
    Json,
    Refusal,
    Sound,
)


class FakeWorld:
    """The state of a fake Asterisk. `emit(type, about, fields)` gets every event."""

    def __init__(self, emit: Emit) -> None:
        self._emit = emit
        self.channels: dict[str, FakeChannel] = {}
        self.playbacks: dict[str, FakePlayback] = {}
        self.joining = FakeBridges(self.channels, emit)
        self.gone: list[Callable[[FakeChannel], None]] = []
        """Called for each channel that has ended."""
        self.callees: dict[str, Callee] = {}
        self.default_callee = Callee()
        self.media: dict[str, float | None] = {}
        self.default_media: float | None = 0.0
        self.stasis_delay = 0.0
        self.hangup_delay = 0.0
        self._timers: set[asyncio.TimerHandle] = set()
        self._numbers = itertools.count()

    def forget(self) -> None:
        """Lose everything that a crash loses; scripts stay."""
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        self.channels.clear()
        self.playbacks.clear()
        self.joining.members.clear()

    @property
    def bridges(self) -> dict[str, list[str]]:
        """The channels of each bridge."""
        return self.joining.members

    def _later(self, seconds: float, act: Callable[[], None]) -> None:
        def run() -> None:
            self._timers.discard(handle)
            act()

        handle = asyncio.get_running_loop().call_later(seconds, run)
        self._timers.add(handle)

    def _tell(self, event: str, channel: FakeChannel, **fields: Any) -> None:
        self._emit(event, f"channel:{channel.id}", {**fields, "channel": channel.json()})

    def channel(self, channel_id: str, *, in_stasis: bool = True) -> FakeChannel:
        """Return a channel or refuse: 404, or 409 when it is not in Stasis."""
        channel = self.channels.get(channel_id)
        if channel is None:
            raise Refusal(404, "Channel not found")
        if in_stasis and not channel.in_stasis:
            raise Refusal(409, "Channel not in Stasis application")
        return channel

    # Channels ------------------------------------------------------------------------------

    def create(self, endpoint: str, channel_id: str, args: list[str], variables: Json) -> Json:
        """POST /channels/create."""
        technology, _, rest = endpoint.partition("/")
        if not technology or not rest:
            raise Refusal(400, "Invalid endpoint specified")
        number, _, trunk = rest.partition("@")
        callee = self._callee(endpoint, number)
        if technology not in ("PJSIP", "Local") or callee.unreachable:
            raise Refusal(500, "Allocation failed", "error")
        if channel_id in self.channels:
            raise Refusal(409, "Channel with given unique ID already exists")
        name = f"{technology}/{trunk or number}-{next(self._numbers):08x}"
        channel = FakeChannel(channel_id, name, "Down", inbound=False, number=number)
        channel.variables.update({key: str(value) for key, value in variables.items()})
        self.channels[channel_id] = channel
        self._tell("ChannelCreated", channel)
        self._later(self.stasis_delay, lambda: self.enter(channel, args))
        return channel.json()

    def appear(self, channel: FakeChannel, *, in_stasis: bool = True) -> Json:
        """Take in a channel that is no call of anybody."""
        if channel.id in self.channels:
            raise Refusal(409, "Channel with given unique ID already exists")
        self.channels[channel.id] = channel
        self._tell("ChannelCreated", channel)
        if in_stasis:
            self.enter(channel, [])
        return channel.json()

    def inbound(
        self, exten: str, *, caller: str, name: str, trunk: str, variables: dict[str, str]
    ) -> str:
        """Let a call come in, as if the dialplan said Stasis(app,inbound)."""
        number = next(self._numbers)
        channel = FakeChannel(
            f"fake-{int(time.time())}.{number}", f"PJSIP/{trunk}-{number:08x}", "Ring",
            inbound=True, caller={"name": name, "number": caller}, exten=exten, context="inbound",
        )  # fmt: skip
        channel.variables.update(variables)
        self.channels[channel.id] = channel
        self._tell("ChannelCreated", channel)
        self._tell("ChannelDialplan", channel, dialplan_app="Stasis", dialplan_app_data="inbound")
        self.enter(channel, ["inbound"])
        return channel.id

    def enter(self, channel: FakeChannel, args: list[str]) -> None:
        """Stasis begins, if the channel is still there."""
        if self.channels.get(channel.id) is channel:
            channel.in_stasis = True
            self._tell("StasisStart", channel, args=args)

    def _callee(self, endpoint: str, number: str) -> Callee:
        return self.callees.get(endpoint) or self.callees.get(number) or self.default_callee

    def dial(self, channel_id: str, seconds: float) -> None:
        """POST /channels/{id}/dial."""
        channel = self.channel(channel_id)
        if channel.dialled:
            raise Refusal(409, "Channel already dialled")
        channel.dialled = True
        callee = self._callee("", channel.number)
        self._dial_event(channel, "")
        if callee.no_rtp_port:
            self._later(0, lambda: self.end(channel, 16))
            return
        if callee.ring_after is not None:
            self._later(callee.ring_after, lambda: self._ringing(channel))
        if callee.refuse is not None:
            status = callee.refuse
            self._later(callee.refuse_after, lambda: self._refused(channel, status))
        elif callee.answer_after is not None:
            self._later(callee.answer_after, lambda: self._answered(channel, callee))
        self._later(seconds, lambda: self._rang_out(channel))

    def _dial_event(self, channel: FakeChannel, status: str) -> None:
        fields = {"peer": channel.json(), "dialstatus": status, "dialstring": channel.number}
        self._emit("Dial", f"channel:{channel.id}", fields | {"forward": ""})

    def _ringing(self, channel: FakeChannel) -> None:
        if channel.state == "Down" and channel.id in self.channels:
            channel.state = "Ringing"
            self._tell("ChannelStateChange", channel)
            self._dial_event(channel, "RINGING")

    def _answered(self, channel: FakeChannel, callee: Callee) -> None:
        if channel.id not in self.channels:
            return
        channel.state = "Up"
        self._tell("ChannelStateChange", channel)
        self._dial_event(channel, "ANSWER")
        self.joining.settle(channel)
        if callee.hangup_after is not None:
            cause = callee.hangup_cause
            self._later(callee.hangup_after, lambda: self.end(channel, cause, request=(cause, 0)))

    def _refused(self, channel: FakeChannel, status: int) -> None:
        cause, _ = SIP_CAUSES[status]
        self.end(channel, cause, status, request=(cause, status))

    def _rang_out(self, channel: FakeChannel) -> None:
        if channel.state != "Up":
            self.end(channel, 19, 480, soft=True)

    def answer(self, channel_id: str) -> None:
        """POST /channels/{id}/answer."""
        channel = self.channel(channel_id)
        if channel.state != "Up":
            channel.state = "Up"
            channel.hears = Sound.NOTHING
            self._tell("ChannelStateChange", channel)
            self.joining.settle(channel)

    def hangup(self, channel_id: str, reason: str, code: str | None) -> None:
        """DELETE /channels/{id}."""
        channel = self.channel(channel_id, in_stasis=False)
        if code is None and reason not in REASONS:
            raise Refusal(400, "Invalid reason for hangup reason provided")
        cause = REASONS[reason] if code is None else int(code)
        self._later(self.hangup_delay, lambda: self.end(channel, cause, soft=True))

    def end(
        self,
        channel: FakeChannel,
        cause: int,
        tech_cause: int | None = None,
        *,
        request: tuple[int, int] | None = None,
        soft: bool = False,
    ) -> None:
        """Take a channel down; `request` is (cause, SIP status) as the far end gave them."""
        if self.channels.get(channel.id) is not channel:
            return
        asked: Json = {"cause": 32, "soft": True} if soft else {}
        for key, value in zip(("cause", "tech_cause"), request or (), strict=False):
            asked |= {key: value} if value else {}
        self._tell("ChannelHangupRequest", channel, **asked)
        del self.channels[channel.id]
        for playback in channel.queue:
            self._fail_playback(playback)
        self.joining.leave(channel)
        self._tell("ChannelVarset", channel, variable="RTPAUDIOQOS", value="ssrc=1")
        if channel.in_stasis:
            self._tell("StasisEnd", channel)
        told = {"tech_cause": tech_cause} if tech_cause is not None else {}
        text = CAUSE_TEXT.get(cause, "Unknown")
        self._tell("ChannelDestroyed", channel, cause=cause, cause_txt=text, **told)
        for told_of in self.gone:
            told_of(channel)

    def leave(self, channel_id: str, context: str) -> None:
        """POST /channels/{id}/continue: out of Stasis, and alive; AMD() brings it back."""
        channel = self.channel(channel_id)
        channel.in_stasis = False
        self._tell("StasisEnd", channel)
        callee = self._callee("", channel.number)
        if context == "amd" and callee.amd is not None:
            args = ["amd", *callee.amd]
            self._later(callee.judged_after, lambda: self.enter(channel, args))

    def start_sound(self, channel_id: str, sound: Sound) -> None:
        """POST /channels/{id}/moh, /ring or /silence: replaces what was heard."""
        self.channel(channel_id).hears = sound

    def stop_sound(self, channel_id: str, sound: Sound) -> None:
        """DELETE of the same: nothing happens when something else is heard."""
        channel = self.channel(channel_id)
        if channel.hears is sound:
            channel.hears = Sound.NOTHING

    def set_variable(self, channel_id: str, name: str, value: str, report: bool) -> None:
        """POST /channels/{id}/variable."""
        channel = self.channel(channel_id, in_stasis=False)
        channel.variables[name] = value
        if report:
            channel.reported.add(name)
        self._tell("ChannelVarset", channel, variable=name, value=value)

    def get_variable(self, channel_id: str, name: str) -> Json:
        """GET /channels/{id}/variable."""
        channel = self.channel(channel_id, in_stasis=False)
        if name in channel.variables:
            return {"value": channel.variables[name]}
        if "(" in name:
            raise Refusal(500, "Unable to read provided function")
        raise Refusal(404, "Provided variable was not found")

    def digit(self, channel_id: str, digit: str, duration_ms: int) -> None:
        """Let the far end press a key."""
        channel = self.channels[channel_id]
        self._tell("ChannelDtmfReceived", channel, digit=digit, duration_ms=duration_ms)

    # Playbacks -----------------------------------------------------------------------------

    def play(self, channel_id: str, media: list[str], playback_id: str) -> Json:
        """POST /channels/{id}/play."""
        channel = self.channel(channel_id)
        if channel.state == "Down":
            raise Refusal(412, "Channel in invalid state")
        if not media:
            raise Refusal(400, "Media must be specified")
        playback = FakePlayback(playback_id, f"channel:{channel_id}", media)
        self.playbacks[playback_id] = playback
        channel.queue.append(playback)
        if len(channel.queue) == 1:
            self._later(0, lambda: self._begin(channel))
        return playback.json()

    def stop_playback(self, playback_id: str) -> None:
        """DELETE /playbacks/{id}."""
        playback = self.playbacks.get(playback_id)
        if playback is None or playback.stopped:
            raise Refusal(404, "Playback not found")
        playback.stopped = True
        channel = self.channels[playback.target.partition(":")[2]]
        if channel.queue[0] is playback and playback.state == "playing":
            self._later(0, lambda: self._finish(channel, playback, "done"))

    def _begin(self, channel: FakeChannel) -> None:
        if not channel.queue or channel.id not in self.channels:
            return
        playback = channel.queue[0]
        if playback.stopped:
            self._finish(channel, playback, "done")
        else:
            channel.hears = Sound.NOTHING
            self._item(channel, playback, 0)

    def _item(self, channel: FakeChannel, playback: FakePlayback, index: int) -> None:
        if (playback.stopped and index) or not self._playing(channel, playback):
            return
        if index:  # both come between two items (22.10.1, seen)
            playback.state = "continuing"
            fields = {"playback": playback.json(index - 1)}
            self._emit("PlaybackContinuing", playback.target, fields)
        playback.state = "playing"
        self._emit("PlaybackStarted", playback.target, {"playback": playback.json(index)})
        uri = playback.media[index]
        if uri.partition(":")[0] not in KNOWN_SCHEMES:
            return  # never finishes (lab.md, 4)
        length = self.media.get(uri, self.default_media)
        if index + 1 < len(playback.media):
            self._later(length or 0, lambda: self._item(channel, playback, index + 1))
        else:
            state = "failed" if length is None else "done"
            self._later(length or 0, lambda: self._finish(channel, playback, state))

    def _playing(self, channel: FakeChannel, playback: FakePlayback) -> bool:
        return bool(channel.queue) and channel.queue[0] is playback and channel.id in self.channels

    def _finish(self, channel: FakeChannel, playback: FakePlayback, state: str) -> None:
        if not self._playing(channel, playback):
            return
        channel.queue.pop(0)
        playback.state = state
        self.playbacks.pop(playback.id, None)
        last = len(playback.media) - 1
        self._emit("PlaybackFinished", playback.target, {"playback": playback.json(last)})
        self._later(0, lambda: self._begin(channel))

    def _fail_playback(self, playback: FakePlayback) -> None:
        if playback.state == "queued" and not playback.stopped:
            playback.state = "playing"
            self._emit("PlaybackStarted", playback.target, {"playback": playback.json()})
        playback.state = "failed"
        self.playbacks.pop(playback.id, None)
        self._emit("PlaybackFinished", playback.target, {"playback": playback.json()})
