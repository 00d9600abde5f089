"""A live row against what Asterisk says now: the difference, as facts and effects.

Used after a restart of the adapter and after each reconnect, always on the same path: events of the
gap are lost, so what they would have told is found by looking. The facts go through the ordinary
machines; the effects are those that the row has ordered and that may not have left us.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from adapter.core import inputs as i
from adapter.core.background import prepare, round_of
from adapter.core.dialogue import question
from adapter.core.ids import ChannelId, PlaybackId
from adapter.core.model import (
    BackgroundState,
    Call,
    CallState,
    DialogueState,
    EndCause,
    Prompt,
    PromptState,
)
from adapter.core.orders import effects_in_force
from adapter.core.outputs import Effect, PrepareMedia
from adapter.core.prompt import play_now, playback_now


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
    """

    channel: ChannelState | None
    playing: bool = False


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
    if seen.channel is None:
        if call.state is CallState.PLACING:
            return Recovery(effects=effects_in_force(call))
        return Recovery(facts=(i.ChannelGone(channel=call.channel, lost=True),))
    match call.state:
        case CallState.PLACING:
            return Recovery(facts=(i.ChannelReady(channel=call.channel),))
        case CallState.DIALING if seen.channel is ChannelState.DOWN:
            detail = "the order to dial may not have reached Asterisk"
            refused = i.ChannelRefused(channel=call.channel, cause=EndCause.LOST, detail=detail)
            return Recovery(facts=(refused,))
        case CallState.DIALING | CallState.TRYING if seen.channel is ChannelState.RINGING:
            return Recovery(facts=(i.ChannelRinging(channel=call.channel),))
        case CallState.DIALING | CallState.TRYING | CallState.RINGING | CallState.ANSWERING if (
            seen.channel is ChannelState.UP
        ):
            return Recovery(facts=(i.ChannelUp(channel=call.channel),))
        case CallState.UP:
            return _running(call, seen.playing)
        case _:
            return Recovery(effects=(*effects_in_force(call), *_open_question(call)))


def heard_now(call: Call) -> PlaybackId | None:
    """The playback that should be going on; ask Asterisk about it before `resume`."""
    prompt, background = call.prompt, call.background
    if prompt and prompt.state in (PromptState.STARTING, PromptState.PLAYING):
        return playback_now(call, prompt)
    if background and background.state is BackgroundState.PLAYING:
        return round_of(call, background)
    return None


def _running(call: Call, playing: bool) -> Recovery:
    prompt, background = call.prompt, call.background
    made = _prompt(call, prompt, playing) if prompt is not None else Recovery()
    facts, effects = made.facts, made.effects + _open_question(call)
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
            return Recovery(facts=(i.PlaybackStarted(playback=playback),))
        case PromptState.STARTING:
            # It never left us, or ended in the gap: heard twice is better than never
            return Recovery(effects=(play_now(call, prompt),))
        case PromptState.PLAYING if not playing:
            return Recovery(facts=(i.PlaybackFinished(playback=playback),))
        case PromptState.COLLECTING:
            return Recovery(facts=(i.Resumed(),))
        case _:
            return Recovery()
