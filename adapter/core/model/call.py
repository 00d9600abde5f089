"""The row of a call."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from adapter.core.ids import CallId, ChannelId, RecordingId
from adapter.core.model.admission import Admission
from adapter.core.model.bridge import Bridge, DialOrder, Leg, LegOrder
from adapter.core.model.dialogue import Dialogue
from adapter.core.model.ending import Ending
from adapter.core.model.prompt import Background, Prompt, PromptOrder
from adapter.core.model.recording import Recording, RecordingOrder


class Direction(StrEnum):
    """Who started the call, seen from the application."""

    INBOUND = "inbound"
    OUTBOUND = "outbound"


class CallState(StrEnum):
    """See the drawing in `adapter.core.call`."""

    PLACING = "placing"
    DIALING = "dialing"
    TRYING = "trying"
    RINGING = "ringing"
    OFFERED = "offered"
    ANSWERING = "answering"
    ADMITTING = "admitting"
    WAITING = "waiting"
    JUDGING = "judging"
    UP = "up"
    ENDING = "ending"
    CLOSING = "closing"
    ENDED = "ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class Detection:
    """How an answering machine is told from a human; times in seconds.

    Source: Asterisk's application AMD, whose parameters these are.

    Attributes:
        initial_silence: longer silence at the beginning: a machine.
        greeting: longer speech without a pause: a machine.
        after_greeting: so much silence after a greeting: a human.
        total: no verdict after this: a human.
        words: more words in the greeting: a machine.
        drop: played to a machine, then the call ends; None leaves it to the application.
    """

    initial_silence: float = 2.5
    greeting: float = 1.5
    after_greeting: float = 0.8
    total: float = 5.0
    words: int = 3
    drop: PromptOrder | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call: the row that the machines work on.

    Attributes:
        id: public id.
        contract: the front end that words its notices.
        owner: tenant within that front end; empty as long as nobody was found for the call.
        direction: who started it.
        caller: calling number as the application knows it.
        callee: called number or address as the application knows it.
        channel: id of its channel in Asterisk.
        context: JSON of the front end; the engine never looks inside.
        state: where the call is.
        version: number of inputs that made this row.
        created_at: seconds since the epoch, like all times here.
        max_duration: seconds from the answer after which the call is ended.
        deadline: when this state ends by itself.
        dial: set for outbound calls.
        auto_answer: answered by us without waiting for the application.
        admission: the caller is asked for a code first; None when not, or no more.
        asks: its application is asked what comes next; otherwise it commands by itself.
        on_answer: prompts to be played one after the other once the call is up.
        connect_on_answer: whom it is joined with after these; not when a machine answers.
        connect_kept: the same, by a command that came before the answer and is owed an outcome.
        record_on_answer: recorded from the answer on.
        detection: an answering machine is looked for at the answer; None: it is not.
        machine: what the detection has found; None when it found nothing or was not asked.
        prompt: the prompt that is running.
        keys: pressed since the last flush, the latest 128.
        ahead: of these, the ones that no prompt has taken.
        dialogue: set when the application is asked what to do; None when it commands by itself.
        background: what is heard when nothing else is.
        bridge: what joins it with another party.
        recording: the one that is being made.
        recorded: the latest one that was saved.
        legs: how many legs it has had; the ids of further ones are made of it.
        bridges: how many bridges it has had; likewise.
        answered_at: None until the answer, as its owner sees it: a caller who is asked for a code
            first is with us before that.
        ended_at: None until the end.
        ending: decided when the end is ordered or seen; final once the state is ENDED.
    """

    id: CallId
    contract: str
    owner: str
    direction: Direction
    caller: str
    callee: str
    channel: ChannelId
    context: dict[str, Any]
    state: CallState
    version: int
    created_at: float
    max_duration: float
    deadline: float | None
    dial: DialOrder | None = None
    auto_answer: bool = False
    admission: Admission | None = None
    on_answer: tuple[PromptOrder, ...] = ()
    connect_on_answer: LegOrder | None = None
    connect_kept: LegOrder | None = None
    record_on_answer: RecordingOrder | None = None
    detection: Detection | None = None
    machine: bool | None = None
    asks: bool = False
    prompt: Prompt | None = None
    keys: str = ""
    ahead: str = ""
    dialogue: Dialogue | None = None
    background: Background | None = None
    bridge: Bridge | None = None
    recording: Recording | None = None
    recorded: RecordingId | None = None
    legs: int = 1
    bridges: int = 0
    answered_at: float | None = None
    ended_at: float | None = None
    ending: Ending | None = None

    @property
    def deadlines(self) -> tuple[float, ...]:
        """When anything that it waits for ends by itself."""
        parts = (self, self.prompt, self.dialogue, self.background, self.recording)
        own = tuple(p.deadline for p in parts if p is not None and p.deadline is not None)
        return own if self.bridge is None else own + self.bridge.deadlines

    @property
    def further_legs(self) -> tuple[Leg, ...]:
        """The parties that it is, or will be, joined with."""
        return self.bridge.legs if self.bridge else ()

    @property
    def live(self) -> bool:
        """Whether anything can still happen to it."""
        return self.state is not CallState.ENDED
