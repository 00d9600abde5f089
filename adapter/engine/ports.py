"""What the engine needs from the world, as Protocols. `adapter.app` plugs the real things in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from adapter.core.ids import (
    BridgeId,
    CallId,
    ChannelId,
    ListeningId,
    PlaybackId,
    RecordingId,
)
from adapter.core.inputs import Admitted, CallArrived, Input, NotAdmitted, OfferCall
from adapter.core.message import Kept, Message, Queued, Told
from adapter.core.model import (
    Call,
    EndCause,
    Heard,
    Instruction,
    Listen,
    Media,
    Phrase,
    Saved,
)
from adapter.core.outputs import Admit, Ask, Effect, HangupReason, Notice, Step
from adapter.core.resume import ChannelState, SeenChannel


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """A notice in a contract's words.

    Attributes:
        event: names it for people.
        url: where it goes; "" when it is for the pull feed only.
        body: JSON text.
    """

    event: str
    url: str
    body: str


class Store(Protocol):
    """Calls and their journal; writes are transactions and do not wait."""

    def save(
        self,
        step: Step,
        given: Input,
        now: float,
        messages: Sequence[Message],
        kept: Kept | None = None,
    ) -> Sequence[Queued]:
        """Write the row, a journal line, the webhooks and a kept answer in one transaction.

        Returns:
            The webhooks that are to be delivered, with their rows.

        Raises:
            StoreFailed: nothing was written.
        """

    def keep(self, kept: Kept, now: float) -> None:
        """Write a kept answer alone: its request changed no call. Raises StoreFailed."""

    def kept(self, contract: str, owner: str, key: str) -> Kept | None:
        """The answer that is kept under a key."""

    def events(self, contract: str, owner: str, after: int, limit: int) -> list[Told]:
        """Up to `limit` messages of a tenant behind a cursor, in the order of their commits."""

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

    async def members(self, bridge: BridgeId) -> frozenset[ChannelId] | None:
        """The channels in a bridge; None without such a bridge. Raises AsteriskDown."""

    async def channels(self) -> Iterable[SeenChannel]:
        """All channels under our control. Raises AsteriskDown."""

    async def bridges(self) -> Iterable[BridgeId]:
        """All bridges. Raises AsteriskDown."""

    async def open_audio(self, channel: ChannelId, listening: ListeningId) -> str:
        """Hold the audio of a channel ready; the id of the connection that brings it.

        Raises:
            ListeningFailed: it can't be had.
            AsteriskDown: no answer.
        """

    async def join_audio(self, listening: ListeningId) -> None:
        """Let the audio flow, once somebody connects for it. Raises as `open_audio`."""


class Ears(Protocol):
    """Recognises speech."""

    async def listen(self, connection: str, listen: Listen, began: Callable[[], None]) -> Heard:
        """Wait until somebody has spoken; `began` is called when that begins.

        As long as it takes: whoever waits no more cancels it.

        Raises:
            ListeningFailed: nothing can be recognised.
        """


class Recorder(Protocol):
    """Records calls. All may be asked for again: once more changes nothing."""

    def keep(self, call: Call, recording: RecordingId) -> None:
        """Write down whose it is, when that was not done before it was ordered."""

    async def start(self, channel: ChannelId, recording: RecordingId) -> None:
        """Begin. Raises RecordingFailed, StoreFailed."""

    async def renew(self, channel: ChannelId, recording: RecordingId) -> None:
        """Go on in the same files with a new monitor. Raises RecordingFailed, StoreFailed.

        It waits for Asterisk: cancel it when the channel is gone.
        """

    async def save(self, channel: ChannelId | None, recording: RecordingId) -> Saved:
        """End it, and make the file whole; `channel` is None when it is gone.

        With a channel it waits for Asterisk: cancel it when the channel is gone.

        Raises:
            RecordingFailed: there is no file.
            StoreFailed: it can't be written down; ask again later.
        """


class Applications(Protocol):
    """The applications of the front ends, as far as they are asked."""

    async def ask(self, call: Call, question: Ask) -> Instruction:
        """Put a question to the application of a call, with a time limit and a second try.

        Raises:
            NoAnswer: it gave none that can be used.
        """


class Admissions(Protocol):
    """Decides whose a call is by the code that its caller brings."""

    def admit(self, call: Call, order: Admit) -> Admitted | NotAdmitted:
        """Judge a code. Quick; may be asked for again, and says the same again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What carries effects out.

    Attributes:
        asterisk: commands.
        speech: makes media ready.
        applications: answer questions.
        admissions: judge codes.
        ears: recognise speech.
        recorder: records.
    """

    asterisk: Asterisk
    speech: Speech
    applications: Applications
    admissions: Admissions
    ears: Ears
    recorder: Recorder


class Observer(Protocol):
    """Counts what happens; must not raise and must be quick."""

    def stepped(self, step: Step, given: Input, now: float, seconds: float) -> None:
        """An input was applied at `now`; `seconds` from its arrival to the end of its commit."""

    def turned_away(self, arrival: CallArrived, reason: HangupReason) -> None:
        """An inbound call belongs to nobody."""
