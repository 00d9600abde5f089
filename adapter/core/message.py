"""A webhook on its way: what a contract worded, its row in the outbox, and one attempt to deliver.

Also the same as an event of the pull feed, and the answer to a request that is kept. Values only.
How rows are stored is `adapter.store`, how they are sent `adapter.outbox`.
Times are seconds since the epoch.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Message:
    """One webhook, as a contract worded it.

    Attributes:
        id: stable over all retries, sent as ``webhook-id``; unique for ever.
        lane: messages of one lane are delivered in the order in which they were written; the
            call id.
        contract: the front end that worded it, and that dresses it for the wire.
        owner: tenant of that front end.
        event: name of the event, for people and metrics.
        url: where it goes; "" when it is for the feed only.
        body: JSON text, before encryption and signing.
    """

    id: str
    lane: str
    contract: str
    owner: str
    event: str
    url: str
    body: str


@dataclass(frozen=True, slots=True)
class Queued:
    """A message with its row in the outbox.

    Attributes:
        seq: the order over all lanes.
        attempts: failed attempts so far, since it was written or last put back by hand.
        next_at: not to be sent before.
        created_at: when it was written.
    """

    seq: int
    message: Message
    attempts: int
    next_at: float
    created_at: float


@dataclass(frozen=True, slots=True)
class Told:
    """A message as the pull feed gives it, whatever became of its delivery.

    Attributes:
        cursor: its place among all messages, in the order of their commits; never used twice.
        id: of the message, the ``webhook-id``.
        event: name of the event.
        created_at: when it was written.
        body: JSON text, before encryption and signing.
    """

    cursor: int
    id: str
    event: str
    created_at: float
    body: str


@dataclass(frozen=True, slots=True)
class Kept:
    """The answer to a request with an idempotency key, kept for its repetitions.

    Attributes:
        contract: the front end that gave it.
        owner: tenant of that front end; keys of two tenants have nothing to do with each other.
        key: as the client chose it.
        fingerprint: of the request; another one under the same key is another request.
        status: HTTP status.
        body: JSON text.
    """

    contract: str
    owner: str
    key: str
    fingerprint: str
    status: int
    body: str


@dataclass(frozen=True, slots=True)
class Head:
    """The oldest pending message of a lane, without its body."""

    lane: str
    url: str
    next_at: float


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt to deliver a message.

    Attributes:
        at: when it began.
        duration: seconds until its end.
        status: HTTP status, None when there was no answer.
        error: what went wrong, for people; None when it was acknowledged.
    """

    at: float
    duration: float
    status: int | None
    error: str | None


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits in the outbox: how many messages, and when the oldest was written."""

    count: int
    oldest_at: float | None
