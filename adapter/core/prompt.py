"""The prompt machine: phrases are made ready, played, and digits collected. One ending each.

::

    StartPrompt ----> RENDERING --MediaReady--> STARTING --PlaybackStarted--> PLAYING
    StartPrompt with media, nothing to prepare ---^                              |
                                                                  PlaybackFinished
    a digit that interrupts, from each of the three --> COLLECTING <-------------+
                                                            |                    |
    over: FINISHED, STOPPED, COLLECTED or FAILED  <---------+--------------------+

Every wait has a deadline. What is listed as LATE comes from something that this prompt has left
behind (our own StopPlayback makes a PlaybackFinished, say) and changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from adapter.core import inputs as i
from adapter.core.digits import press
from adapter.core.errors import NoPrompt, PromptBusy
from adapter.core.ids import playback_of
from adapter.core.model import (
    Call,
    CollectEnd,
    Media,
    Prompt,
    PromptOrder,
    PromptState,
)
from adapter.core.outputs import (
    Effect,
    Outcome,
    Play,
    PrepareMedia,
    PromptOver,
    StopPlayback,
)

RENDER_TIMEOUT = 30.0
START_TIMEOUT = 10.0
PLAY_SLACK = 10.0  # beyond the length of the media; then its end was missed


@dataclass(frozen=True, slots=True)
class Turn:
    """What an input made of the prompt; `over` when that was its end (then `prompt` is None)."""

    prompt: Prompt | None
    effects: tuple[Effect, ...] = ()
    over: PromptOver | None = None


Handler = Callable[[Call, Prompt, Any, float], Turn | None]  # None: late


def start(call: Call, order: PromptOrder, media: Media | None, now: float) -> Turn:
    """Begin a prompt on a call that has none."""
    prompt = Prompt(order=order, state=PromptState.RENDERING, deadline=now + RENDER_TIMEOUT)
    if media is not None:
        return _play(call, prompt, media, now)
    return Turn(prompt, (PrepareMedia(prompt=order.id, phrases=order.phrases),))


def advance(call: Call, given: i.PromptInput, now: float) -> Turn | None:
    """Apply an input to the prompt of a call that is up.

    Returns:
        What it made; None when the input is late.

    Raises:
        PromptBusy: StartPrompt while one runs.
        NoPrompt: StopPrompt without one, or for another one.
    """
    prompt = call.prompt
    if isinstance(given, i.StartPrompt):
        if prompt is not None:
            raise PromptBusy
        return start(call, given.order, given.media, now)
    if prompt is None:
        if isinstance(given, i.StopPrompt):
            raise NoPrompt
        return None
    handler = TABLE[prompt.state].get(type(given))
    return handler(call, prompt, given, now) if handler else None


def cut(prompt: Prompt) -> PromptOver:
    """The ending of a prompt whose call is over. Digits that were complete stand."""
    if prompt.collected:
        return PromptOver(
            order=prompt.order,
            outcome=Outcome.COLLECTED,
            digits=prompt.digits,
            collected=prompt.collected,
        )
    return fail(prompt, "the call has ended")


def fail(prompt: Prompt, reason: str) -> PromptOver:
    """The ending of a prompt whose call is over, or whose media can't be had."""
    return PromptOver(
        order=prompt.order, outcome=Outcome.FAILED, digits=prompt.digits, reason=reason
    )


def _stop_playback(call: Call, prompt: Prompt) -> tuple[Effect, ...]:
    if prompt.state in (PromptState.STARTING, PromptState.PLAYING):
        return (StopPlayback(playback=playback_of(call.id, prompt.order.id)),)
    return ()


def _play(call: Call, prompt: Prompt, media: Media, now: float) -> Turn:
    effect = Play(channel=call.channel, playback=playback_of(call.id, prompt.order.id), media=media)
    starting = replace(
        prompt, state=PromptState.STARTING, media=media, deadline=now + START_TIMEOUT
    )
    return Turn(starting, (effect,))


def _over(prompt: Prompt, outcome: Outcome, collected: CollectEnd | None, *effects: Effect) -> Turn:
    over = PromptOver(
        order=prompt.order, outcome=outcome, digits=prompt.digits, collected=collected
    )
    return Turn(None, effects, over)


def _media_ready(call: Call, prompt: Prompt, given: i.MediaReady, now: float) -> Turn | None:
    if given.prompt != prompt.order.id:
        return None
    return _play(call, prompt, given.media, now)


def _media_failed(call: Call, prompt: Prompt, given: i.MediaFailed, now: float) -> Turn | None:
    if given.prompt != prompt.order.id:
        return None
    return Turn(None, (), fail(prompt, given.reason))


def _started(call: Call, prompt: Prompt, given: i.PlaybackStarted, now: float) -> Turn | None:
    if given.playback != playback_of(call.id, prompt.order.id):
        return None
    seconds = prompt.media.seconds if prompt.media else 0.0
    return Turn(replace(prompt, state=PromptState.PLAYING, deadline=now + seconds + PLAY_SLACK))


def _finished(call: Call, prompt: Prompt, given: i.PlaybackFinished, now: float) -> Turn | None:
    if given.playback != playback_of(call.id, prompt.order.id):
        return None
    if given.failed and prompt.collected is None:
        return Turn(None, (), fail(prompt, "the media could not be played"))
    return _played(prompt, now)


def _played(prompt: Prompt, now: float, *effects: Effect) -> Turn:
    """The phrases have ended: over, or the collection goes on with what is there already."""
    collect = prompt.order.collect
    if collect is None:
        return _over(prompt, Outcome.FINISHED, None, *effects)
    if prompt.collected:
        return _over(prompt, Outcome.COLLECTED, prompt.collected, *effects)
    return Turn(_collecting(prompt, now), effects)


def _collecting(prompt: Prompt, now: float) -> Prompt:
    collect = prompt.order.collect
    assert collect is not None  # noqa: S101 - callers have looked
    wait = collect.between_timeout if prompt.digits else collect.first_timeout
    return replace(prompt, state=PromptState.COLLECTING, deadline=now + wait)


def _refused(call: Call, prompt: Prompt, given: i.PlaybackRefused, now: float) -> Turn | None:
    if given.playback != playback_of(call.id, prompt.order.id):
        return None
    return Turn(None, (), fail(prompt, given.detail))


def _digit(call: Call, prompt: Prompt, given: i.DigitPressed, now: float) -> Turn | None:
    collect = prompt.order.collect
    if collect is None or prompt.collected or given.channel != call.channel:
        return None
    digits, end = press(prompt.digits, given.digit, collect)
    if end is None and digits == prompt.digits:
        return None
    prompt = replace(prompt, digits=digits)
    waits = prompt.state is not PromptState.COLLECTING and not prompt.order.interrupt
    if waits:
        return Turn(replace(prompt, collected=end))
    stop = _stop_playback(call, prompt)
    if end is not None:
        return _over(prompt, Outcome.COLLECTED, end, *stop)
    return Turn(_collecting(prompt, now), stop)


def _stop(call: Call, prompt: Prompt, given: i.StopPrompt, now: float) -> Turn:
    if given.prompt is not None and given.prompt != prompt.order.id:
        raise NoPrompt
    stop = _stop_playback(call, prompt)
    if prompt.order.collect is None:
        return _over(prompt, Outcome.STOPPED, None, *stop)
    return _over(prompt, Outcome.COLLECTED, CollectEnd.STOPPED, *stop)


def _deadline(call: Call, prompt: Prompt, given: i.PromptDeadline, now: float) -> Turn | None:
    if given.at != prompt.deadline:
        return None
    stop = _stop_playback(call, prompt)
    match prompt.state:
        case PromptState.RENDERING:
            return Turn(None, (), fail(prompt, "the media were not ready in time"))
        case PromptState.STARTING:
            return Turn(None, stop, fail(prompt, "the playback did not start in time"))
        case PromptState.PLAYING:
            return _played(prompt, now, *stop)
        case PromptState.COLLECTING:
            end = CollectEnd.BETWEEN_TIMEOUT if prompt.digits else CollectEnd.FIRST_TIMEOUT
            return _over(prompt, Outcome.COLLECTED, end)


def _resumed(call: Call, prompt: Prompt, given: i.Resumed, now: float) -> Turn:
    """Keys pressed while we were away are lost: give the whole time again."""
    return Turn(_collecting(prompt, now))


TABLE: Mapping[PromptState, Mapping[type, Handler]] = {
    PromptState.RENDERING: {
        i.MediaReady: _media_ready,
        i.MediaFailed: _media_failed,
        i.DigitPressed: _digit,
        i.StopPrompt: _stop,
        i.PromptDeadline: _deadline,
    },
    PromptState.STARTING: {
        i.PlaybackStarted: _started,
        i.PlaybackFinished: _finished,
        i.PlaybackRefused: _refused,
        i.DigitPressed: _digit,
        i.StopPrompt: _stop,
        i.PromptDeadline: _deadline,
    },
    PromptState.PLAYING: {
        i.PlaybackFinished: _finished,
        i.DigitPressed: _digit,
        i.StopPrompt: _stop,
        i.PromptDeadline: _deadline,
    },
    PromptState.COLLECTING: {
        i.DigitPressed: _digit,
        i.StopPrompt: _stop,
        i.PromptDeadline: _deadline,
        i.Resumed: _resumed,
    },
}

LATE = frozenset(
    {
        (PromptState.RENDERING, i.PlaybackStarted),
        (PromptState.RENDERING, i.PlaybackFinished),
        (PromptState.RENDERING, i.PlaybackRefused),
        (PromptState.RENDERING, i.Resumed),
        (PromptState.STARTING, i.MediaReady),
        (PromptState.STARTING, i.MediaFailed),
        (PromptState.STARTING, i.Resumed),
        (PromptState.PLAYING, i.MediaReady),
        (PromptState.PLAYING, i.MediaFailed),
        (PromptState.PLAYING, i.PlaybackStarted),
        (PromptState.PLAYING, i.PlaybackRefused),
        (PromptState.PLAYING, i.Resumed),
        (PromptState.COLLECTING, i.MediaReady),
        (PromptState.COLLECTING, i.MediaFailed),
        (PromptState.COLLECTING, i.PlaybackStarted),
        (PromptState.COLLECTING, i.PlaybackFinished),
        (PromptState.COLLECTING, i.PlaybackRefused),
    }
)
