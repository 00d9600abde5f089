"""A live row against what Asterisk says now: the difference, as facts and effects.

Used after a restart of the adapter and after each reconnect, always on the same path: events of the
gap are lost, so what they would have told is found by looking. The facts go through the ordinary
machines; the effects are those that the row has ordered and that may not have left us.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from adapter.core import admission
from adapter.core import inputs as i
from adapter.core.background import prepare, round_of
from adapter.core.dialogue import question
from adapter.core.ids import ChannelId, PlaybackId
from adapter.core.layout import Layout, alive, between, layout
from adapter.core.model import (
    BackgroundState,
    Call,
    CallState,
    DialogueState,
    EndCause,
    Leg,
    LegState,
    Prompt,
    PromptState,
)
from adapter.core.orders import create_leg, effects_in_force
from adapter.core.outputs import CreateBridge, Effect, PrepareMedia, Sound
from adapter.core.recording import order_again
from adapter.core.turn import play_now, playback_now


class ChannelState(StrEnum):
    """What Asterisk says of a channel, as far as it matters here."""

    DOWN = "down"  # created, not dialled or not ringing yet; or an inbound one not answered
    RINGING = "ringing"
    UP = "up"


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenChannel:
    """A channel that Asterisk has; `arrival` when it is inbound and not answered yet."""

    id: ChannelId
    state: ChannelState
    arrival: i.CallArrived | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """What Asterisk says now.

    Attributes:
        channel: state of the call's channel; None when there is no such channel.
        playing: the playback that should be going on (`heard_now`) exists.
        legs: state of each further leg; None when there is no such channel.
        members: channels in its bridge; None when there is no such bridge.
    """

    channel: ChannelState | None
    playing: bool = False
    legs: Mapping[ChannelId, ChannelState | None] = field(default_factory=dict)
    members: frozenset[ChannelId] | None = None


@dataclass(frozen=True, slots=True)
class Recovery:
    """Facts to apply in order, then effects to run."""

    facts: tuple[i.Input, ...] = ()
    effects: tuple[Effect, ...] = ()


def resume(call: Call, seen: Seen) -> Recovery:
    """What to do for one live call.

    PLACING without a channel is safe to order again: a channel is dialled only after the row says
    DIALING, and an id that is in use is refused by Asterisk. From DIALING on nothing is dialled
    again: without a channel the call is over, and one that is silent and whose order to dial may
    not have arrived is ended.
    """
    if call.state is CallState.CLOSING:
        return Recovery(effects=order_again(call))
    if seen.channel is None:
        if call.state is CallState.PLACING:
            return Recovery(effects=effects_in_force(call))
        return Recovery(facts=(i.ChannelGone(channel=call.channel, lost=True),))
    match call.state:
        case CallState.PLACING:
            return Recovery(facts=(i.ChannelReady(channel=call.channel),))
        case CallState.DIALING if seen.channel is ChannelState.DOWN:
            return Recovery(facts=(_not_dialled(call.channel),))
        case CallState.DIALING | CallState.TRYING if seen.channel is ChannelState.RINGING:
            return Recovery(facts=(i.ChannelRinging(channel=call.channel),))
        case CallState.DIALING | CallState.TRYING | CallState.RINGING | CallState.ANSWERING if (
            seen.channel is ChannelState.UP
        ):
            return Recovery(facts=(i.ChannelUp(channel=call.channel),))
        case CallState.UP | CallState.ADMITTING:
            return _running(call, seen)
        case _:
            again = (*effects_in_force(call), *_open_question(call), *order_again(call))
            return Recovery(effects=again)


def heard_now(call: Call) -> PlaybackId | None:
    """The playback that should be going on; ask Asterisk about it before `resume`."""
    prompt, background = call.prompt, call.background
    if prompt and prompt.state in (PromptState.STARTING, PromptState.PLAYING):
        return playback_now(call, prompt)
    if background and background.state is BackgroundState.PLAYING:
        return round_of(call, background)
    return None


def rebuild(call: Call, seen: Seen) -> tuple[Effect, ...]:
    """The bridge that the row has and Asterisk has not; before any fact that fills it is told."""
    wanted = layout(call).bridge
    if wanted is None or seen.channel is None or seen.members is not None:
        return ()
    return (CreateBridge(bridge=wanted),)


def rejoin(before: Call, after: Call, seen: Seen) -> tuple[Effect, ...]:
    """The orders that bring everybody to where the row says, once the facts are told.

    Whether somebody hears music can't be seen, so what shall be heard is ordered again. A party
    that was on hold may still have its silence, behind which it hears nobody; a call for which a
    tone stood for the ringing may still have that.

    Args:
        before: the row that was compared.
        after: the row with all that came of it.
        seen: what it was compared with.
    """
    wanted = layout(after)
    if layout(before).bridge != wanted.bridge:
        return ()
    members = seen.members or frozenset[ChannelId]()
    away = after.bridges > 0 and after.channel not in members
    up = [leg.channel for leg in after.further_legs if leg.state is LegState.UP]
    every = {(channel, Sound.SILENCE) for channel in up}
    if away:
        every |= {(after.channel, sound) for sound in Sound}
    elif after.bridge is not None and after.bridge.tone:
        every.add((after.channel, Sound.RINGING))
    now = Layout(wanted.bridge, members, sounds=frozenset(every - wanted.sounds))
    moves = between(now, wanted, alive=alive(after))
    return moves.first + moves.last


def _leg(leg: Leg, seen: ChannelState | None, caller: ChannelId) -> Recovery:
    """What to do for a further leg; as `resume` does for the call's own channel."""
    if seen is None:
        if leg.state is LegState.PLACING:
            return Recovery(effects=(create_leg(leg, caller),))
        return Recovery(facts=(i.ChannelGone(channel=leg.channel, lost=True),))
    match leg.state:
        case LegState.PLACING:
            return Recovery(facts=(i.ChannelReady(channel=leg.channel),))
        case LegState.DIALING if seen is ChannelState.DOWN:
            return Recovery(facts=(_not_dialled(leg.channel),))
        case LegState.DIALING | LegState.TRYING if seen is ChannelState.RINGING:
            return Recovery(facts=(i.ChannelRinging(channel=leg.channel),))
        case LegState.DIALING | LegState.TRYING | LegState.RINGING if seen is ChannelState.UP:
            return Recovery(facts=(i.ChannelUp(channel=leg.channel),))
        case _:
            return Recovery()


def _not_dialled(channel: ChannelId) -> i.ChannelRefused:
    detail = "the order to dial may not have reached Asterisk"
    return i.ChannelRefused(channel=channel, cause=EndCause.LOST, detail=detail)


def _running(call: Call, seen: Seen) -> Recovery:
    prompt, background, playing = call.prompt, call.background, seen.playing
    made = _prompt(call, prompt, playing) if prompt is not None else Recovery()
    facts, effects = made.facts, made.effects + _open_question(call) + order_again(call)
    effects += admission.order_again(call)
    for leg in call.further_legs:
        joined = _leg(leg, seen.legs.get(leg.channel), call.channel)
        facts, effects = facts + joined.facts, effects + joined.effects
    if background is not None:
        if background.state is BackgroundState.PREPARING:
            effects += (prepare(background),)
        elif background.state is BackgroundState.PLAYING and not playing:
            facts += (i.PlaybackFinished(playback=round_of(call, background)),)
    return Recovery(facts, effects)


def _open_question(call: Call) -> tuple[Effect, ...]:
    dialogue = call.dialogue
    if dialogue is None or dialogue.state is not DialogueState.ASKING:
        return ()
    return (question(call, dialogue),) if call.state is not CallState.ENDING else ()


def _prompt(call: Call, prompt: Prompt, playing: bool) -> Recovery:
    playback = playback_now(call, prompt)
    match prompt.state:
        case PromptState.RENDERING:
            order = prompt.order
            return Recovery(effects=(PrepareMedia(prompt=order.id, phrases=order.phrases),))
        case PromptState.STARTING if playing:
            return Recovery(facts=(i.PlaybackStarted(playback=playback), *_anew(prompt)))
        case PromptState.STARTING:
            # It never left us, or ended in the gap: heard twice is better than never
            return Recovery(facts=_anew(prompt), effects=(play_now(call, prompt),))
        case PromptState.PLAYING if not playing:
            return Recovery(facts=(i.PlaybackFinished(playback=playback),))
        case PromptState.COLLECTING:
            return Recovery(facts=(i.Resumed(),))
        case _:
            return Recovery(facts=_anew(prompt))


def _anew(prompt: Prompt) -> tuple[i.Input, ...]:
    """Whoever listened for the prompt is gone with the adapter that was."""
    return () if prompt.order.listen is None else (i.Resumed(),)
