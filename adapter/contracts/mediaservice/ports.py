"""What the Mediaservice front end needs besides the engine, to be plugged in by `adapter.app`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from adapter.core.ids import CallId, ChannelId
from adapter.core.invite import Invite
from adapter.core.tenants import Domain, Number, Phone
from adapter.engine.engine import Engine


class Directory(Protocol):
    """What was provisioned, as it is now."""

    def domain(self, name: str) -> Domain | None:
        """A domain by its name."""

    def number(self, digits: str) -> Number | None:
        """A number, with or without a leading plus."""

    def phone(self, extension: str) -> Phone | None:
        """A phone by its extension."""


class Lanes(Protocol):
    """The outbox, as far as a reply must come before the notifications."""

    def hold(self, lane: str) -> None:
        """Deliver nothing of this lane until it is released."""

    def release(self, lane: str) -> None:
        """Go on."""


class Post(Protocol):
    """One POST through the session that checks addresses."""

    async def __call__(
        self, url: str, body: bytes, headers: Mapping[str, str], timeout: float
    ) -> tuple[int, bytes]:
        """Send, and read the answer.

        Returns:
            HTTP status and body.

        Raises:
            NoAnswer: none came within `timeout` seconds, it was too long, or the URL may not be
                called; the text says why, for the log.
        """


class Headers(Protocol):
    """Reads the INVITE of an inbound call."""

    async def __call__(self, channel: ChannelId) -> Invite:
        """What can be read of it; little or nothing when the channel is gone. Never raises."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """What `callbacks.Applications` works with.

    Attributes:
        directory: domains.
        post: sends.
        sign: the Standard Webhooks headers: message id, seconds since the epoch, body, secret.
        headers: reads the INVITE of an inbound call.
        prompt_file: where a prompt file of a domain is, below the media folder: domain, file name
            with or without ending -> path; None when there is none.
        now: seconds since the epoch.
        ivr_server: address of this server, as callbacks name it.
        timeout: seconds for one try.
    """

    directory: Directory
    post: Post
    sign: Callable[[str, int, bytes, str], Mapping[str, str]]
    headers: Headers
    prompt_file: Callable[[str, str], str | None]
    now: Callable[[], float]
    ivr_server: str
    timeout: float = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """What `flow.Flow` works with.

    Attributes:
        engine: takes orders.
        directory: domains, numbers and phones.
        lanes: holds notifications back.
        open_for_calls: false while draining or when Asterisk is away.
        new_id: public ids.
        ring_timeout: seconds that an outbound call rings when `maxRingTime` is not given.
    """

    engine: Engine
    directory: Directory
    lanes: Lanes
    open_for_calls: Callable[[], bool]
    new_id: Callable[[], CallId]
    ring_timeout: float
