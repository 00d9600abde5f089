"""A journal run through the machine again: does it lead where the call went?

`step` is pure, so the inputs of a call and their times make every row that it ever had. Where a
replay parts from what was written down, either the machine was changed since, or a row was written
past it: `ari-voice replay CALL` shows the place. Not here: how the journal is stored.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Protocol

from adapter.core.call import step
from adapter.core.errors import CoreError
from adapter.core.inputs import Input
from adapter.core.model import Call


class Recorded(Protocol):
    """A line of a journal, as `adapter.store.calls` keeps it: an input and what it made."""

    @property
    def version(self) -> int:
        """The version of the call that the input made."""

    @property
    def at(self) -> float:
        """Seconds since the epoch."""

    @property
    def given(self) -> Input:
        """The input."""

    @property
    def state(self) -> str:
        """`state_of` the call afterwards."""

    @property
    def effects(self) -> Sequence[str]:
        """Names of the effects that followed."""

    @property
    def notices(self) -> Sequence[str]:
        """Names of the notices that followed."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Where a replay first parts from what was written down.

    Attributes:
        version: of the line, or of the row when all lines agree.
        where: ``version``, ``refused``, ``state``, ``effects`` or ``notices`` of the line; ``row``
            and the field's name behind a dot for the row; ``journal`` when there are no lines.
        recorded: what was written down. May hold digits and numbers: mask it before showing it.
        replayed: what the machine makes of it now. Likewise.
    """

    version: int
    where: str
    recorded: object
    replayed: object


def state_of(call: Call) -> str:
    """``up/playing``: the state of a call, with those of its prompt, bridge and recording."""
    parts = [str(call.state)]
    if call.prompt is not None:
        parts.append(str(call.prompt.state))
    if call.bridge is not None:
        parts.append("held" if call.bridge.held else str(call.bridge.state))
    if call.recording is not None:
        parts.append(f"recording-{call.recording.state}")
    return "/".join(parts)


def replay(lines: Iterable[tuple[Input, float]]) -> Call:
    """The row that these inputs make.

    Args:
        lines: each input with its time (seconds since the epoch), in order, from the first.

    Raises:
        CoreError: the machine refuses what it once took; also when the first line opens no call.
        ValueError: there are no lines.
    """
    call: Call | None = None
    for given, at in lines:
        call = step(call, given, at).call
    if call is None:
        raise ValueError("a journal without lines makes no call")
    return call


def first_difference(lines: Iterable[Recorded], row: Call) -> Difference | None:
    """Where the journal, replayed, parts from itself or at last from the row; None if nowhere."""
    call: Call | None = None
    for line in lines:
        try:
            made = step(call, line.given, line.at)
        except CoreError as error:
            return Difference(line.version, "refused", line.state, type(error).__name__)
        call = made.call
        for where, recorded, replayed in (
            ("version", line.version, call.version),
            ("state", line.state, state_of(call)),
            ("effects", tuple(line.effects), _names(made.effects)),
            ("notices", tuple(line.notices), _names(made.notices)),
        ):
            if recorded != replayed:
                return Difference(line.version, where, recorded, replayed)
    if call is None:
        return Difference(row.version, "journal", None, state_of(row))
    for each in fields(Call):
        recorded, replayed = getattr(row, each.name), getattr(call, each.name)
        if recorded != replayed:
            return Difference(row.version, f"row.{each.name}", recorded, replayed)
    return None


def _names(values: Iterable[object]) -> tuple[str, ...]:
    return tuple(type(value).__name__ for value in values)
