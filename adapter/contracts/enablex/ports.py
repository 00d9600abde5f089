"""What the EnableX front end needs besides the engine; `adapter.app` plugs the real things in."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from adapter.contracts.enablex import NAME
from adapter.contracts.enablex.auth import Gate
from adapter.contracts.enablex.errors import recording_name_taken, unavailable
from adapter.contracts.enablex.greetings import Greetings
from adapter.contracts.idempotency import Answers
from adapter.core.ids import CallId, RecordingId
from adapter.core.kept import KeptRecording
from adapter.core.model import Media, Phrase, RecordingOrder
from adapter.core.tenants import App, Number, Phone, StoredPrompt
from adapter.engine.engine import Engine


class Directory(Protocol):
    """What was provisioned, as it is now."""

    def app(self, app_id: str) -> App | None:
        """An app by its id."""

    def numbers_at(self, digits: str) -> Sequence[Number]:
        """All numbers of these digits, in the order of their PINs; a plus makes no difference."""

    def prompt(self, app: str, name: str) -> StoredPrompt | None:
        """A prompt of an app."""

    def phone(self, extension: str) -> Phone | None:
        """A phone by its extension."""


class Speech(Protocol):
    """Speech and stored audio."""

    def supports(self, language: str, voice: str) -> bool:
        """Whether text in this language can be spoken by this voice."""

    async def prepare(self, phrases: Sequence[Phrase]) -> tuple[Media, ...]:
        """Make phrases playable. Raises MediaUnavailable."""


class Recordings(Protocol):
    """The recordings that are kept; see `adapter.media.recordings`. Both raise StoreFailed."""

    def reserve(self, recording: KeptRecording) -> bool:
        """Write the row of one that is ordered; False when its name is taken."""

    def release(self, recording: RecordingId) -> None:
        """Take `reserve` back."""


class Lanes(Protocol):
    """The outbox, as far as a reply must come before the webhooks."""

    def hold(self, lane: str) -> None:
        """Deliver nothing of this lane until it is released."""

    def release(self, lane: str) -> None:
        """Go on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """What the front end works with.

    Attributes:
        engine: takes orders.
        answers: repeats those of requests that are repeated.
        directory: apps, numbers, prompts and phones.
        speech: makes audio.
        lanes: holds webhooks back.
        gate: lets apps in, and their calls.
        recordings: those that are kept.
        recording_ready: whether one can be started now.
        recognises: whether speech of a language can be recognised.
        greetings: prompts of numbers.
        check_url: raises ValueError when a webhook must not go there.
        open_for_calls: false while draining or when Asterisk is away.
        reachable: false when Asterisk is away.
        now: seconds since the epoch.
        new_id: public ids.
        max_duration: longest call, in seconds.
        ring_timeout: seconds that an outbound call may ring.
    """

    engine: Engine
    answers: Answers
    directory: Directory
    speech: Speech
    lanes: Lanes
    gate: Gate
    recordings: Recordings
    recording_ready: Callable[[], bool]
    recognises: Callable[[str], bool]
    greetings: Greetings
    check_url: Callable[[str], None]
    open_for_calls: Callable[[], bool]
    reachable: Callable[[], bool]
    now: Callable[[], float]
    new_id: Callable[[], CallId]
    max_duration: float
    ring_timeout: float


def reserve(ports: Ports, owner: str, call: CallId, order: RecordingOrder) -> None:
    """Write down that a recording was ordered, before it is.

    Raises:
        Problem: 409 when the app has one of this name.
        StoreFailed: nothing was written.
    """
    kept = KeptRecording(
        id=order.id,
        contract=NAME,
        owner=owner,
        call=call,
        name=order.context.get("recording_name"),
        created_at=ports.now(),
    )
    if not ports.recordings.reserve(kept):
        raise recording_name_taken()


@contextmanager
def held(ports: Ports, call: CallId) -> Iterator[None]:
    """No webhook of a call goes out before the reply."""
    ports.lanes.hold(call)
    try:
        yield
    finally:
        ports.lanes.release(call)


def must_be_reachable(ports: Ports) -> None:
    """Refuse what can't be done while Asterisk is away.

    Raises:
        Problem: 503.
    """
    if not ports.reachable():
        raise unavailable()
