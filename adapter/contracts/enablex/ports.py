"""What the EnableX front end needs besides the engine; `adapter.app` plugs the real things in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from adapter.core.ids import CallId
from adapter.core.model import Media, Phrase
from adapter.core.tenants import App, Number, Phone, StoredPrompt
from adapter.engine.engine import Engine


class Directory(Protocol):
    """What was provisioned, as it is now."""

    def app(self, app_id: str) -> App | None:
        """An app by its id."""

    def number(self, digits: str) -> Number | None:
        """A number, with or without a leading plus."""

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
        directory: apps, numbers, prompts and phones.
        speech: makes audio.
        lanes: holds webhooks back.
        default_greeting: what a number with `greeting = "default"` says.
        check_url: raises ValueError when a webhook must not go there.
        open_for_calls: false while draining or when Asterisk is away.
        reachable: false when Asterisk is away.
        now: seconds since the epoch.
        new_id: public ids.
        max_duration: longest call, in seconds.
        ring_timeout: seconds that an outbound call may ring.
    """

    engine: Engine
    directory: Directory
    speech: Speech
    lanes: Lanes
    default_greeting: Phrase
    check_url: Callable[[str], None]
    open_for_calls: Callable[[], bool]
    reachable: Callable[[], bool]
    now: Callable[[], float]
    new_id: Callable[[], CallId]
    max_duration: float
    ring_timeout: float
