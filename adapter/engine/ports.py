"""What the engine needs from the world, as Protocols. `adapter.app` plugs the real things in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from adapter.core.ids import CallId, ChannelId, PlaybackId
from adapter.core.inputs import CallArrived, Input, OfferCall
from adapter.core.message import Message, Queued
from adapter.core.model import Call, EndCause, Instruction, Media, Phrase
from adapter.core.outputs import Ask, Effect, HangupReason, Notice, Step
from adapter.core.resume import ChannelState, SeenChannel


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """A notice in a contract's words: `body` is JSON text, `event` names it for people."""

    event: str
    url: str
    body: str


class Store(Protocol):
    """Calls and their journal; writes are transactions and do not wait."""

    def save(
        self, step: Step, given: Input, now: float, messages: Sequence[Message]
    ) -> Sequence[Queued]:
        """Write the row, a journal line and the webhooks in one transaction.

        Returns:
            The webhooks with their rows.

        Raises:
            StoreFailed: nothing was written.
        """

    def load(self, call: CallId) -> Call | None:
        """The row of a call, live or ended."""

    def live(self) -> list[Call]:
        """The rows of all calls that have not ended."""


class Outbox(Protocol):
    """What happens to webhooks once they are in the database."""

    def notify(self, rows: Sequence[Queued]) -> None:
        """These rows were committed. Returns at once."""


class Contract(Protocol):
    """A front end, seen from the engine."""

    def word(self, call: Call, notice: Notice, now: float) -> Sequence[Wording]:
        """Say a notice in the contract's words; nothing where it has none. Pure and quick."""


class Reception(Protocol):
    """Decides whose an inbound call is."""

    def receive(self, arrival: CallArrived, call: CallId) -> OfferCall | EndCause:
        """The offer, under the given id; or why the call is turned away."""


class Speech(Protocol):
    """Makes phrases playable."""

    async def prepare(self, phrases: Sequence[Phrase]) -> tuple[Media, ...]:
        """Render and find all phrases; one medium for each.

        Raises:
            MediaUnavailable: one of them can't be had.
        """


class Asterisk(Protocol):
    """Carries effects out, and tells what is there."""

    async def perform(self, effect: Effect) -> Input | None:
        """Carry one effect out; a refusal comes back as a fact.

        Raises:
            AsteriskDown: no answer; the row says what is to be done when it is back.
        """

    async def channel(self, channel: ChannelId) -> ChannelState | None:
        """What a channel is doing now. Raises AsteriskDown."""

    async def playing(self, playback: PlaybackId) -> bool:
        """Whether a playback exists. Raises AsteriskDown."""

    async def channels(self) -> Iterable[SeenChannel]:
        """All channels under our control. Raises AsteriskDown."""


class Applications(Protocol):
    """The applications of the front ends, as far as they are asked."""

    async def ask(self, call: Call, question: Ask) -> Instruction:
        """Put a question to the application of a call, with a time limit and a second try.

        Raises:
            NoAnswer: it gave none that can be used.
        """


class Observer(Protocol):
    """Counts what happens; must not raise and must be quick."""

    def stepped(self, step: Step, given: Input, now: float, seconds: float) -> None:
        """An input was applied at `now`; `seconds` from its arrival to the end of its commit."""

    def turned_away(self, arrival: CallArrived, reason: HangupReason) -> None:
        """An inbound call belongs to nobody."""
