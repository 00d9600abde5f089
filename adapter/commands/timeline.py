"""`ari-voice calls`, `why` and `replay`: what became of a call, for people.

Digits, spoken text and numbers are masked: what is printed here ends up in tickets.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime

from adapter.core.ids import CallId
from adapter.core.masked import Digits, PhoneNumber, SpokenText
from adapter.core.model import Call
from adapter.core.replay import first_difference, state_of
from adapter.store.calls import CallStore, Line
from adapter.store.outbox import Delivery, OutboxStore

_MASKS = {
    "digit": Digits,
    "digits": Digits,
    "text": SpokenText,
    "hints": SpokenText,
    "caller": PhoneNumber,
    "callee": PhoneNumber,
    "caller_number": PhoneNumber,
}
_HIDDEN = frozenset({"context", "id", "contract", "owner", "channel", "on_answer", "admission"})


class CallNotFound(Exception):
    """No call of this id."""


class Timeline:
    """Reads one database. Construct with its connection."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._outbox = OutboxStore(connection)
        self._calls = CallStore(connection, self._outbox.insert)

    def calls(self, limit: int) -> Iterator[str]:
        """The latest calls, a line each."""
        for call in self._calls.recent(limit):
            yield (
                f"{clock(call.created_at)}  {call.id}  {call.direction:8}  {call.owner}  "
                f"{PhoneNumber(call.caller)} -> {PhoneNumber(call.callee)}  {state_of(call)}"
                f"{_ending(call)}"
            )

    def why(self, call_id: str) -> Iterator[str]:
        """Everything that happened to a call, in the order of time.

        Raises:
            CallNotFound: there is none.
        """
        call = self._call(call_id)
        yield (
            f"call {call.id} of {call.owner} ({call.contract}), {call.direction}, "
            f"{PhoneNumber(call.caller)} -> {PhoneNumber(call.callee)}, channel {call.channel}"
        )
        entries = [(line.at, _told(line)) for line in self._calls.journal(call.id)]
        entries += [(one.at + one.duration, _sent(one)) for one in self._outbox.deliveries(call.id)]
        begun = call.created_at
        for at, text in sorted(entries, key=lambda entry: entry[0]):
            yield f"{clock(at)}  {at - begun:+9.3f}  {text}"
        for row in self._outbox.rows(lane=call.id):
            if row.state in ("pending", "dead"):
                yield f"webhook {row.event} is {row.state}: {row.error or 'not tried yet'}"
        yield f"{state_of(call)}{_ending(call)}"

    def replay(self, call_id: str) -> str | None:
        """Run the journal again; None when it leads to the row, else where it parts from it.

        Raises:
            CallNotFound: there is none.
        """
        call = self._call(call_id)
        difference = first_difference(self._calls.journal(call.id), call)
        if difference is None:
            return None
        return f"version {difference.version}: {difference.where} is not what the machine makes now"

    def _call(self, call_id: str) -> Call:
        call = self._calls.load(CallId(call_id))
        if call is None:
            raise CallNotFound(call_id)
        return call


def clock(at: float) -> str:
    """Time of day with milliseconds, UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


def masked(value: object) -> str:
    """A value of the core for people: what must not be shown is masked by its name."""
    if is_dataclass(value) and not isinstance(value, type):
        inner = []
        for one in fields(value):
            part = getattr(value, one.name)
            if one.name in _HIDDEN or part in (None, "", (), {}):
                continue
            inner.append(f"{one.name}={_shown(one.name, part)}")
        return f"{type(value).__name__}({', '.join(inner)})"
    if isinstance(value, tuple):
        return "[" + ", ".join(masked(one) for one in value) + "]"
    return str(value)


def _shown(name: str, part: object) -> str:
    if name == "endpoint":  # the trunk says something, the number not
        return f"...@{str(part).partition('@')[2]}" if "@" in str(part) else "..."
    if name == "uri":  # whole paths say nothing to people
        return f"...{str(part)[-12:]}"
    mask = _MASKS.get(name)
    return str(mask(str(part))) if mask else masked(part)


def _told(line: Line) -> str:
    parts = [f"{line.version:3} {masked(line.given)} -> {line.state}"]
    if line.effects:
        parts.append(f"orders {', '.join(line.effects)}")
    if line.notices:
        parts.append(f"tells {', '.join(line.notices)}")
    return "; ".join(parts)


def _sent(one: Delivery) -> str:
    outcome = one.error or f"HTTP {one.status}"
    milliseconds = f"{one.duration * 1000:.1f} ms"
    return f"    webhook {one.event} attempt {one.attempt}: {outcome} in {milliseconds}"


def _ending(call: Call) -> str:
    if call.ending is None:
        return ""
    end = call.ending
    codes = f", Q.850 {end.q850}, SIP {end.sip_code}"
    detail = f" ({end.detail})" if end.detail else ""
    return f": {end.cause} by {end.by}{codes}{detail}"
