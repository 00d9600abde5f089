"""The engine's ports, whole and small: an Asterisk that keeps channels, a speech that takes time,
applications that answer from a script.

They behave like the real ones as far as the engine can see (asterisk/lab.md 1, 2, 4), and keep a
log. No network: the real adapters are tested against the ARI server in `ari_server`.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from adapter.core import inputs as i
from adapter.core import outputs as o
from adapter.core.faults import (
    AsteriskDown,
    MediaUnavailable,
)
from adapter.core.ids import (
    BridgeId,
    CallId,
    ChannelId,
    ListeningId,
    PlaybackId,
    QuestionId,
)
from adapter.core.message import Queued
from adapter.core.model import (
    Admission,
    Call,
    EndCause,
    Instruction,
    Media,
    Phrase,
)
from adapter.core.resume import ChannelState, SeenChannel
from adapter.engine.ports import Wording


def nothing(_: object) -> None:
    """Takes what nobody wants to know."""


@dataclass
class SimulatedAsterisk:
    """Channels and playbacks, changed by effects and by the far end; tells events while heard.

    Attributes:
        hear: takes events, in order; replaced by `nothing` while we are away.
        before: called with each effect before it is carried out.
        log: effects that were carried out.
        down: no request is answered.
        gates: an effect of this type waits for its event.
        refusals: an effect of this type is refused with this fact, once.
    """

    hear: Callable[[i.Input | i.CallArrived], None] = nothing
    before: Callable[[o.Effect], None] = nothing
    log: list[o.Effect] = field(default_factory=list)
    down: bool = False
    gates: dict[type, asyncio.Event] = field(default_factory=dict)
    refusals: dict[type, i.Input] = field(default_factory=dict)
    on_look: Callable[[ChannelId], None] = nothing
    state: dict[ChannelId, ChannelState] = field(default_factory=dict)
    arrivals: dict[ChannelId, i.CallArrived] = field(default_factory=dict)
    played: set[PlaybackId] = field(default_factory=set)
    bridged: dict[BridgeId, set[ChannelId]] = field(default_factory=dict)
    sounds: set[tuple[ChannelId, o.Sound]] = field(default_factory=set)
    opened: list[ListeningId] = field(default_factory=list)

    async def perform(self, effect: o.Effect) -> i.Input | None:
        """Carry an effect out."""
        self.before(effect)
        if gate := self.gates.get(type(effect)):
            await gate.wait()
        await self._reach()
        self.log.append(effect)
        return self.refusals.pop(type(effect), None) or self._do(effect)

    async def channel(self, channel: ChannelId) -> ChannelState | None:
        """What a channel does."""
        seen = self.state.get(channel)
        await self._reach()
        self.on_look(channel)
        return seen

    async def playing(self, playback: PlaybackId) -> bool:
        """Whether a playback exists."""
        await self._reach()
        return playback in self.played

    async def channels(self) -> Iterable[SeenChannel]:
        """All channels."""
        await self._reach()
        return [
            SeenChannel(id=channel, state=state, arrival=self.arrivals.get(channel))
            for channel, state in self.state.items()
        ]

    async def members(self, bridge: BridgeId) -> frozenset[ChannelId] | None:
        """Who is in a bridge."""
        await self._reach()
        return frozenset(self.bridged[bridge]) if bridge in self.bridged else None

    async def bridges(self) -> Iterable[BridgeId]:
        """All bridges."""
        await self._reach()
        return list(self.bridged)

    async def open_audio(self, channel: ChannelId, listening: ListeningId) -> str:
        """Hold audio ready."""
        await self._reach()
        self.opened.append(listening)
        return f"connection-of-{listening}"

    async def join_audio(self, listening: ListeningId) -> None:
        """Let it flow."""
        await self._reach()

    def done(self, kind: type) -> list[o.Effect]:
        """What was carried out of one kind."""
        return [effect for effect in self.log if isinstance(effect, kind)]

    # The far end

    def arrives(self, arrival: i.CallArrived) -> None:
        """A call comes in."""
        self.state[arrival.channel] = ChannelState.DOWN
        self.arrivals[arrival.channel] = arrival
        self._tell(arrival)

    def rings(self, channel: ChannelId) -> None:
        """The callee rings."""
        self.state[channel] = ChannelState.RINGING
        self._tell(i.ChannelRinging(channel=channel))

    def picks_up(self, channel: ChannelId) -> None:
        """The callee answers."""
        self.state[channel] = ChannelState.UP
        self._tell(i.ChannelUp(channel=channel))

    def hangs_up(self, channel: ChannelId, q850: int = 16, sip_code: int | None = None) -> None:
        """The far end hangs up, cancels or rejects; its playbacks go with it."""
        del self.state[channel]
        for members in self.bridged.values():
            members.discard(channel)
        self.sounds = {(one, sound) for one, sound in self.sounds if one != channel}
        self.arrivals.pop(channel, None)
        self.played.clear()
        self._tell(i.ChannelGone(channel=channel, q850=q850, sip_code=sip_code))

    def presses(self, channel: ChannelId, keys: str) -> None:
        """The far end presses keys."""
        for digit in keys:
            self._tell(i.DigitPressed(channel=channel, digit=digit))

    def finishes(self, playback: PlaybackId) -> None:
        """A playback comes to its end."""
        self.played.remove(playback)
        self._tell(i.PlaybackFinished(playback=playback))

    def dies(self) -> None:
        """Everything is gone, and nobody is told (lab2.md 26)."""
        self.state.clear()
        self.arrivals.clear()
        self.played.clear()
        self.bridged.clear()
        self.sounds.clear()

    def _tell(self, event: i.Input | i.CallArrived) -> None:
        if self.hear is not nothing:  # what nobody listens to is lost (lab.md 12)
            asyncio.get_running_loop().call_soon(lambda: self.hear(event))

    async def _reach(self) -> None:
        await asyncio.sleep(0)
        if self.down:
            raise AsteriskDown("connection refused")

    def _do(self, effect: o.Effect) -> i.Input | None:
        match effect:
            case o.CreateChannel(channel=channel):
                if channel not in self.state:
                    self.state[channel] = ChannelState.DOWN
                    self._tell(i.ChannelReady(channel=channel))
            case o.Dial(channel=channel) if channel in self.state:
                return i.ChannelDialled(channel=channel)
            case o.Answer(channel=channel) if channel in self.state:
                self.arrivals.pop(channel, None)
                self.picks_up(channel)
            case o.Hangup(channel=channel):
                if channel not in self.state:
                    return i.ChannelGone(channel=channel)
                self.hangs_up(channel)
            case o.Play(channel=channel, playback=playback):
                if channel not in self.state:
                    return i.PlaybackRefused(playback=playback, detail="404")
                self.played.add(playback)
                self._tell(i.PlaybackStarted(playback=playback))
            case o.StopPlayback(playback=playback) if playback in self.played:
                self.finishes(playback)
            case _:
                return self._join(effect)
        return None

    def _join(self, effect: o.Effect) -> i.Input | None:
        match effect:
            case o.CreateBridge(bridge=bridge):
                assert bridge not in self.bridged, "a bridge is made once"
                self.bridged[bridge] = set()
            case o.AddToBridge(bridge=bridge, channel=channel) if channel in self.state:
                if bridge not in self.bridged:
                    return i.BridgeRefused(bridge=bridge, detail="404")
                for members in self.bridged.values():
                    members.discard(channel)
                self.bridged[bridge].add(channel)
            case o.RemoveFromBridge(bridge=bridge, channel=channel):
                self.bridged.get(bridge, set()).discard(channel)
            case o.DestroyBridge(bridge=bridge):
                self.bridged.pop(bridge, None)
            case o.StartSound(channel=channel, sound=sound) if channel in self.state:
                self.sounds.add((channel, sound))
            case o.StopSound(channel=channel, sound=sound):
                self.sounds.discard((channel, sound))
            case o.StopListening(listening=listening) if listening in self.opened:
                self.opened.remove(listening)
        return None


@dataclass
class SlowSpeech:
    """Speaks a phrase when its gate is open; a text that begins with "broken" or "bug" fails.

    Attributes:
        asked: texts, as they were asked for.
        gate: rendering waits for it.
        cancelled: texts whose rendering was given up.
    """

    asked: list[str] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)
    gate: asyncio.Event | None = None

    async def prepare(self, phrases: Sequence[Phrase]) -> tuple[Media, ...]:
        """Make phrases playable."""
        text = " ".join(phrase.text or "" for phrase in phrases)
        self.asked.append(text)
        try:
            await (self.gate.wait() if self.gate else asyncio.sleep(0))
        except asyncio.CancelledError:
            self.cancelled.append(text)
            raise
        if text.startswith("broken"):
            raise MediaUnavailable("no such voice")
        if text.startswith("bug"):
            raise ZeroDivisionError("a plug-in's bug")
        return tuple(Media(uri=f"sound:/media/{each.text}", seconds=2.0) for each in phrases)


@dataclass
class ScriptedApplications:
    """Answers from a script, and when that is over, whenever the test says so.

    Attributes:
        script: the next answers; a fault is raised.
        asked: questions, in order, each with the row that it was asked for.
        open: questions that wait for `answers`.
        cancelled: questions that were given up.
    """

    script: deque[Instruction | Exception] = field(default_factory=deque)
    asked: list[tuple[o.Ask, Call]] = field(default_factory=list)
    open: dict[QuestionId, asyncio.Future[Instruction]] = field(default_factory=dict)
    cancelled: list[QuestionId] = field(default_factory=list)

    async def ask(self, call: Call, question: o.Ask) -> Instruction:
        """Put a question to the application."""
        name = question.question
        assert name not in self.open, "the same question is never open twice"
        self.asked.append((question, call))
        self.open[name] = asyncio.get_running_loop().create_future()
        if self.script:
            self.answers(self.script.popleft())
        try:
            return await self.open[name]
        except asyncio.CancelledError:
            self.cancelled.append(name)
            raise
        finally:
            del self.open[name]

    def answers(self, answer: Instruction | Exception, question: QuestionId | None = None) -> None:
        """The application answers a question; without `question` the latest that is open."""
        waiting = self.open[question or [*self.open][-1]]
        if isinstance(answer, Exception):
            waiting.set_exception(answer)
        else:
            waiting.set_result(answer)

    @property
    def questions(self) -> list[QuestionId]:
        """What was asked, in order."""
        return [question.question for question, _ in self.asked]


class PlainContract:
    """Words every notice by its name; the end of a prompt in two messages, the ringing in none."""

    def word(self, call: Call, notice: o.Notice, now: float) -> Sequence[Wording]:
        """Say a notice."""
        name = type(notice).__name__
        said: dict[str, object] = {"call": call.id, "at": now}
        if isinstance(notice, o.PromptOver):
            said |= {"outcome": notice.outcome, "digits": notice.digits}
            events = [name, "PromptNoted"]
        else:
            if isinstance(notice, o.CallEnded):
                said["cause"] = notice.ending.cause
            events = [] if isinstance(notice, o.CallRang) else [name]
        return [Wording(event=event, url="http://app/", body=json.dumps(said)) for event in events]


@dataclass
class NotedOutbox:
    """Keeps what it is told of."""

    rows: list[Queued] = field(default_factory=list)

    def notify(self, rows: Sequence[Queued]) -> None:
        """These are in the database."""
        self.rows += rows

    @property
    def events(self) -> list[str]:
        """Names of the events, in order."""
        return [row.message.event for row in self.rows]


@dataclass
class Counter:
    """Counts."""

    steps: list[tuple[o.Step, i.Input]] = field(default_factory=list)
    away: list[tuple[i.CallArrived, o.HangupReason]] = field(default_factory=list)

    def stepped(self, step: o.Step, given: i.Input, now: float, seconds: float) -> None:
        """An input was applied."""
        assert seconds >= 0
        self.steps.append((step, given))

    def turned_away(self, arrival: i.CallArrived, reason: o.HangupReason) -> None:
        """A call was turned away."""
        self.away.append((arrival, reason))


@dataclass
class Desk:
    """Takes every call for one tenant, or turns it away.

    Attributes:
        reason: why calls are turned away; None takes them.
        asks: the tenant's application is asked what to do.
        admission: the caller is asked for a code first.
    """

    reason: EndCause | None = None
    auto_answer: bool = False
    asks: bool = False
    accept_timeout: float = 30.0
    admission: Admission | None = None

    def receive(self, arrival: i.CallArrived, call: CallId) -> i.OfferCall | EndCause:
        """Whose is it?"""
        if self.reason is not None:
            return self.reason
        return i.OfferCall(
            id=call,
            contract="plain",
            owner="" if self.admission else "tenant",
            caller=arrival.caller,
            callee=arrival.called,
            channel=arrival.channel,
            max_duration=3600.0,
            accept_timeout=self.accept_timeout,
            auto_answer=self.auto_answer,
            asks=self.asks,
            admission=self.admission,
        )
