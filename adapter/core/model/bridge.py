"""Rows of what joins a call with further parties: its other legs, and the bridge."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from adapter.core.ids import BridgeId, ChannelId


@dataclass(frozen=True, slots=True, kw_only=True)
class DialOrder:
    """How an outbound leg is dialled. Built and checked by us, never taken from outside.

    Attributes:
        endpoint: the complete dial string, ``PJSIP/...``.
        caller_number: caller id on the wire.
        caller_name: display name; empty for none.
        ring_timeout: seconds until the attempt is given up.
        private: the caller id is withheld from the far end.
        diversion: number of the Diversion header (RFC 5806); empty for none.
        headers: further SIP headers, names and values without control characters.
    """

    endpoint: str
    caller_number: str
    caller_name: str = ""
    ring_timeout: float = 60.0
    private: bool = False
    diversion: str = ""
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LegOrder:
    """A further party to be called.

    Attributes:
        caller: the calling number as the application gave it.
        callee: the number or address as the application gave it.
        dial: how it is dialled.
    """

    caller: str
    callee: str
    dial: DialOrder


class LegState(StrEnum):
    """How far a further leg is."""

    PLACING = "placing"
    DIALING = "dialing"
    TRYING = "trying"
    RINGING = "ringing"
    UP = "up"


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """A further leg of a call. One that was told to go is no longer in any row.

    Attributes:
        order: whom it calls.
        channel: id of its channel in Asterisk, ours.
        state: how far it is.
        deadline: when it is given up; None once it is up.
        early: it is in the bridge while it rings, so that who waits there hears that.
    """

    order: LegOrder
    channel: ChannelId
    state: LegState
    deadline: float | None
    early: bool = True


class BridgeState(StrEnum):
    """See the drawing in `adapter.core.bridge`."""

    CONNECTING = "connecting"
    BRIDGED = "bridged"
    TRANSFERRING = "transferring"
    FORWARDING = "forwarding"


@dataclass(frozen=True, slots=True, kw_only=True)
class Burst:
    """Keys that one channel has pressed in a bridge, and not yet told.

    Attributes:
        channel: whose.
        digits: so far.
        deadline: when they are told.
    """

    channel: ChannelId
    digits: str
    deadline: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Bridge:
    """What joins a call with another party.

    Attributes:
        id: of the bridge in Asterisk, ours.
        state: where it is.
        party: whom the call is, or will be, joined with.
        target: whom a transfer or forward is calling.
        held: the call hears music and its party silence.
        tone: the call did not wait in the bridge when its party was dialled: what it hears of the
            ringing is a tone.
        bursts: keys that were not told yet; one for each channel.
    """

    id: BridgeId
    state: BridgeState
    party: Leg
    target: Leg | None = None
    held: bool = False
    tone: bool = False
    bursts: tuple[Burst, ...] = ()

    @property
    def legs(self) -> tuple[Leg, ...]:
        """Its one or two further legs."""
        return (self.party,) if self.target is None else (self.party, self.target)

    @property
    def deadlines(self) -> tuple[float, ...]:
        """When anything in it ends by itself."""
        legs = tuple(leg.deadline for leg in self.legs if leg.deadline is not None)
        return legs + tuple(burst.deadline for burst in self.bursts)
