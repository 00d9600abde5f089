"""Who hears whom: what the row of a call says about its bridge, its music and its ears.

Where each channel belongs follows from the row alone. `between` two rows lies what has to be done
in Asterisk; the machines never order it themselves, so no way through them can forget to take a
caller out of the music. Channels that have left the row need nothing: they are gone, or told to go.
"""

from __future__ import annotations

from dataclasses import dataclass

from adapter.core.ids import BridgeId, ChannelId, ListeningId, listening_of
from adapter.core.model import (
    BackgroundState,
    Barge,
    Bridge,
    BridgeState,
    Call,
    CallState,
    Leg,
    LegState,
    Listen,
    Prompt,
    PromptState,
)
from adapter.core.outputs import (
    AddToBridge,
    CreateBridge,
    DestroyBridge,
    Effect,
    RemoveFromBridge,
    Sound,
    StartListening,
    StartSound,
    StopListening,
    StopPlayback,
    StopSound,
)

SNOOP = ".snoop"
LISTENING_PARTS = (SNOOP, ".audio", ".listen")  # what Asterisk has for it (adapter.ari.listening)


@dataclass(frozen=True, slots=True)
class Layout:
    """Where everything of a call belongs.

    Attributes:
        bridge: that joins it with others.
        members: channels in that bridge.
        sounds: what each channel hears that is no prompt.
        listening: what is listened to, and how.
    """

    bridge: BridgeId | None = None
    members: frozenset[ChannelId] = frozenset()
    sounds: frozenset[tuple[ChannelId, Sound]] = frozenset()
    listening: tuple[ListeningId, Listen] | None = None


@dataclass(frozen=True, slots=True)
class Moves:
    """What lies between two layouts: `first` before, and `last` after all other effects."""

    first: tuple[Effect, ...] = ()
    last: tuple[Effect, ...] = ()


def layout(call: Call) -> Layout:
    """Where everything belongs, as the row says."""
    if call.state is CallState.WAITING:
        return Layout(sounds=frozenset({(call.channel, Sound.RINGING)}))
    if call.state is not CallState.UP:
        return Layout()
    bridge = call.bridge
    if bridge is None:
        return Layout(sounds=_alone(call), listening=_listening(call))
    away = bridge.held or bridge.state is BridgeState.TRANSFERRING
    inside = {leg.channel for leg in bridge.legs if _inside(leg)}
    if not away:
        inside.add(call.channel)
    return Layout(bridge.id, frozenset(inside), _sounds(call, bridge, away))


def between(before: Layout, after: Layout, *, alive: frozenset[ChannelId]) -> Moves:
    """The orders that lead from one to the other.

    Args:
        before: as it is.
        after: as it shall be.
        alive: the channels that the call still has.
    """
    first: list[Effect] = [
        StopSound(channel=channel, sound=sound)
        for channel, sound in sorted(before.sounds - after.sounds)
        if channel in alive
    ]
    last: list[Effect] = []
    if before.bridge is not None and before.bridge != after.bridge:
        # what is heard next begins outside of it; at the end of a call the hang-ups come first
        (first if alive else last).append(DestroyBridge(bridge=before.bridge))
    stayed = before.members if before.bridge == after.bridge else frozenset[ChannelId]()
    if after.bridge is not None:
        if before.bridge != after.bridge:
            first.append(CreateBridge(bridge=after.bridge))
        first += [
            RemoveFromBridge(bridge=after.bridge, channel=channel)
            for channel in sorted(stayed - after.members)
            if channel in alive
        ]
        first += [
            AddToBridge(bridge=after.bridge, channel=channel)
            for channel in sorted(after.members - stayed)
        ]
    last += [
        StartSound(channel=channel, sound=sound)
        for channel, sound in sorted(after.sounds - before.sounds)
    ]
    return Moves(tuple(first), tuple(last))


def ears(call: Call, before: Layout, after: Layout) -> tuple[Effect, ...]:
    """The orders to listen, or to listen no more."""
    if before.listening == after.listening:
        return ()
    stop: tuple[Effect, ...] = ()
    if before.listening is not None:
        stop = (StopListening(listening=before.listening[0]),)
    if after.listening is None:
        return stop
    listening, listen = after.listening
    return (*stop, StartListening(listening=listening, channel=call.channel, listen=listen))


def arranged(before: Call, after: Call, effects: tuple[Effect, ...]) -> tuple[Effect, ...]:
    """The effects of a step, with what its two rows make necessary around them.

    A playback is stopped before all else: Asterisk keeps what is ordered of a channel waiting for
    the end of what it plays.
    """
    was, now = layout(before), layout(after)
    if was == now:
        return effects
    stops = tuple(one for one in effects if isinstance(one, StopPlayback))
    others = tuple(one for one in effects if not isinstance(one, StopPlayback))
    moves = between(was, now, alive=alive(after))
    return (*stops, *moves.first, *others, *moves.last, *ears(after, was, now))


def parties(call: Call) -> frozenset[ChannelId]:
    """The channels that the call's own channel hears in its bridge."""
    members = layout(call).members
    return members - {call.channel} if call.channel in members else frozenset()


def alive(call: Call) -> frozenset[ChannelId]:
    """The channels that can be given orders."""
    if call.state is not CallState.UP:
        return frozenset()
    return frozenset({call.channel, *(leg.channel for leg in call.further_legs)})


def names_of(call: Call) -> frozenset[str]:
    """The channels and bridges that the row has a place for."""
    names: set[str] = {call.channel, *(leg.channel for leg in call.further_legs)}
    if call.bridge is not None:
        names.add(call.bridge.id)
    listening = listening_now(call)
    if listening is not None:
        names |= {f"{listening}{part}" for part in LISTENING_PARTS}
    return frozenset(names)


def listening_now(call: Call) -> ListeningId | None:
    """What is listened to; facts about anything else are late."""
    now = layout(call).listening
    return now[0] if now else None


def _inside(leg: Leg) -> bool:
    """Whether a leg belongs into the bridge: once it is up, or while it rings for who waits."""
    return leg.state is LegState.UP or (leg.early and leg.state is not LegState.PLACING)


def _sounds(call: Call, bridge: Bridge, away: bool) -> frozenset[tuple[ChannelId, Sound]]:
    if away:
        others = set()
        if bridge.state is not BridgeState.TRANSFERRING:  # alone there it would get no packet
            others = {(bridge.party.channel, Sound.SILENCE)}
        return frozenset({(call.channel, Sound.MUSIC), *others})
    waits = bridge.state is BridgeState.CONNECTING and bridge.tone
    return frozenset({(call.channel, Sound.RINGING)} if waits else ())


def _alone(call: Call) -> frozenset[tuple[ChannelId, Sound]]:
    """A recording has no time where nobody sends anything (lab2.md, 20): keep the clock going."""
    if call.recording is None or _hears_something(call):
        return frozenset()
    return frozenset({(call.channel, Sound.SILENCE)})


def _hears_something(call: Call) -> bool:
    prompt, background = call.prompt, call.background
    if background is not None and background.state is BackgroundState.PLAYING:
        return True
    return prompt is not None and prompt.state in (PromptState.STARTING, PromptState.PLAYING)


def _listening(call: Call) -> tuple[ListeningId, Listen] | None:
    prompt = call.prompt
    if prompt is None or prompt.order.listen is None or not _ears_open(prompt):
        return None
    return listening_of(call.id, prompt.order.id, prompt.round), prompt.order.listen


def _ears_open(prompt: Prompt) -> bool:
    if prompt.deaf or prompt.digits or prompt.collected:
        return False
    if prompt.state is PromptState.COLLECTING:
        return True
    heard = prompt.state in (PromptState.STARTING, PromptState.PLAYING)
    return heard and prompt.order.barge is Barge.ALL
