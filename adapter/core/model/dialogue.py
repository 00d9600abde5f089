"""Rows of a call whose application is asked what to do."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from adapter.core.model.ending import EndCause
from adapter.core.model.prompt import BackgroundOrder, CollectEnd, PromptOrder


class Topic(StrEnum):
    """What the application that drives a call is asked."""

    OFFER = "offer"  # a call has come: what shall become of it?
    NEXT = "next"  # the call is up and nothing is to be done: what comes next?


class DialogueState(StrEnum):
    """See the drawing in `adapter.core.dialogue`."""

    ASKING = "asking"
    DOING = "doing"
    PAUSING = "pausing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Instruction:
    """An application's answer to a question, in neutral terms.

    Attributes:
        turn_away: for an offered call: why it is not taken; None takes it.
        prompt: to be played, collected, or both.
        hang_up: when the prompt is over, or at once without one.
        pause: seconds between the prompt's end and the next question.
        background: begins behind the prompt; None leaves it as it is.
        stop_background: ends the one that runs.
        context: keys of the front end to be set in the call's context.
    """

    turn_away: EndCause | None = None
    prompt: PromptOrder | None = None
    hang_up: bool = False
    pause: float = 0.0
    background: BackgroundOrder | None = None
    stop_background: bool = False
    context: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialogue:
    """Where a call stands that is driven by questions to its application.

    Attributes:
        state: what is going on.
        topic: of the latest question.
        asked: number of questions so far; the latest one's id is made of it.
        deadline: end of a pause, or of the wait for an answer.
        hang_up: the call ends when what is being done is over.
        pause: seconds until the next question when what is being done is over.
        collected: what completed the latest prompt's digits; None when it collected none.
        digits: of the latest prompt.
    """

    state: DialogueState
    topic: Topic
    asked: int
    deadline: float | None
    hang_up: bool = False
    pause: float = 0.0
    collected: CollectEnd | None = None
    digits: str = ""
