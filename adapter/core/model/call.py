"""The row of a call."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from adapter.core.ids import CallId, ChannelId
from adapter.core.model.bridge import DialOrder
from adapter.core.model.dialogue import Dialogue
from adapter.core.model.ending import Ending
from adapter.core.model.prompt import Background, Prompt, PromptOrder


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
    UP = "up"
    ENDING = "ending"
    ENDED = "ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call: the row that the machines work on.

    Attributes:
        id: public id.
        contract: the front end that words its notices.
        owner: tenant within that front end.
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
        asks: its application is asked what comes next; otherwise it commands by itself.
        on_answer: prompts to be played one after the other once the call is up.
        prompt: the prompt that is running.
        keys: pressed since the last flush, the latest 128.
        ahead: of these, the ones that no prompt has taken.
        dialogue: set when the application is asked what to do; None when it commands by itself.
        background: what is heard when nothing else is.
        answered_at: None until the answer.
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
    on_answer: tuple[PromptOrder, ...] = ()
    asks: bool = False
    prompt: Prompt | None = None
    keys: str = ""
    ahead: str = ""
    dialogue: Dialogue | None = None
    background: Background | None = None
    answered_at: float | None = None
    ended_at: float | None = None
    ending: Ending | None = None

    @property
    def deadlines(self) -> tuple[float, ...]:
        """When anything that it waits for ends by itself."""
        parts = (self, self.prompt, self.dialogue, self.background)
        return tuple(p.deadline for p in parts if p is not None and p.deadline is not None)

    @property
    def live(self) -> bool:
        """Whether anything can still happen to it."""
        return self.state is not CallState.ENDED
