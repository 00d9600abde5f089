"""The prompt machine: phrases are made ready, played one by one, digits collected. One ending each.

::

    StartPrompt ----> RENDERING --MediaReady--> STARTING --PlaybackStarted--> PLAYING
    StartPrompt with media, nothing to prepare ---^                              |
                                                                  PlaybackFinished
                                                     the last phrase |
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
from adapter.core.digits import DIGITS, press
from adapter.core.errors import NoPrompt, PromptBusy
from adapter.core.ids import PlaybackId, playback_of
from adapter.core.model import (
    Barge,
    Call,
    Collect,
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
KEPT_KEYS = 128
PLAY_SLACK = 10.0  # beyond the length of the media; then its end was missed


@dataclass(frozen=True, slots=True)
class Turn:
    """What an input made of the call's prompt; `over` when that was its end."""

    call: Call
    effects: tuple[Effect, ...] = ()
    over: PromptOver | None = None


Handler = Callable[[Call, Prompt, Any, float], Turn | None]  # None: late


def start(call: Call, order: PromptOrder, media: tuple[Media, ...], now: float) -> Turn:
    """Begin a prompt on a call that has none.

    Keys that were pressed ahead are taken first, when the order does not flush them: they may make
    its phrases, or the whole prompt, unnecessary.
    """
    prompt = Prompt(order=order, state=PromptState.RENDERING, deadline=now + RENDER_TIMEOUT)
    if order.collect is not None:
        call, prompt = _take_ahead(call, prompt, order.collect)
        if (prompt.digits or prompt.collected) and order.barge is Barge.ALL:
            return _played(call, prompt, now)
    if media or not order.phrases:
        return _phrase(call, replace(prompt, media=media), 0, now)
    return _turn(call, prompt, PrepareMedia(prompt=order.id, phrases=order.phrases))


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
        return _keep_key(call, given) if isinstance(given, i.DigitPressed) else None
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


def playback_now(call: Call, prompt: Prompt) -> PlaybackId:
    """The playback of the phrase that is started or played."""
    return playback_of(call.id, prompt.order.id, prompt.index)


def play_now(call: Call, prompt: Prompt) -> Play:
    """The order to play it."""
    return Play(
        channel=call.channel,
        playback=playback_now(call, prompt),
        media=prompt.media[prompt.index],
    )


def _turn(call: Call, prompt: Prompt | None, *effects: Effect) -> Turn:
    return Turn(replace(call, prompt=prompt), effects)


def _end(call: Call, over: PromptOver, *effects: Effect) -> Turn:
    return Turn(replace(call, prompt=None), effects, over)


def _stop_playback(call: Call, prompt: Prompt) -> tuple[Effect, ...]:
    if prompt.state in (PromptState.STARTING, PromptState.PLAYING):
        return (StopPlayback(playback=playback_now(call, prompt)),)
    return ()


def _phrase(call: Call, prompt: Prompt, index: int, now: float) -> Turn:
    """Play the phrase of this index; behind the last one the phrases are over."""
    if index >= len(prompt.media):
        return _played(call, prompt, now)
    starting = replace(
        prompt, state=PromptState.STARTING, index=index, deadline=now + START_TIMEOUT
    )
    return _turn(call, starting, play_now(call, starting))


def _collected(call: Call, prompt: Prompt, end: CollectEnd | None, *effects: Effect) -> Turn:
    over = PromptOver(
        order=prompt.order, outcome=Outcome.COLLECTED, digits=prompt.digits, collected=end
    )
    return _end(call, over, *effects)


def _media_ready(call: Call, prompt: Prompt, given: i.MediaReady, now: float) -> Turn | None:
    if given.prompt != prompt.order.id:
        return None
    return _phrase(call, replace(prompt, media=given.media), 0, now)


def _media_failed(call: Call, prompt: Prompt, given: i.MediaFailed, now: float) -> Turn | None:
    if given.prompt != prompt.order.id:
        return None
    return _end(call, fail(prompt, given.reason))


def _started(call: Call, prompt: Prompt, given: i.PlaybackStarted, now: float) -> Turn | None:
    if given.playback != playback_now(call, prompt):
        return None
    deadline = now + prompt.media[prompt.index].seconds + PLAY_SLACK
    return _turn(call, replace(prompt, state=PromptState.PLAYING, deadline=deadline))


def _finished(call: Call, prompt: Prompt, given: i.PlaybackFinished, now: float) -> Turn | None:
    if given.playback != playback_now(call, prompt):
        return None
    if given.failed:
        if prompt.collected:
            return _played(call, prompt, now)
        return _end(call, fail(prompt, "the media could not be played"))
    return _phrase(call, prompt, prompt.index + 1, now)


def _played(call: Call, prompt: Prompt, now: float, *effects: Effect) -> Turn:
    """The phrases have ended: over, or the collection goes on with what is there already."""
    if prompt.order.collect is None:
        return _end(call, PromptOver(order=prompt.order, outcome=Outcome.FINISHED), *effects)
    if prompt.collected:
        return _collected(call, prompt, prompt.collected, *effects)
    return _turn(call, _collecting(prompt, now), *effects)


def _collecting(prompt: Prompt, now: float) -> Prompt:
    collect = prompt.order.collect
    assert collect is not None  # noqa: S101 - callers have looked
    wait = collect.between_timeout if prompt.digits else collect.first_timeout
    return replace(prompt, state=PromptState.COLLECTING, deadline=now + wait)


def _refused(call: Call, prompt: Prompt, given: i.PlaybackRefused, now: float) -> Turn | None:
    if given.playback != playback_now(call, prompt):
        return None
    return _end(call, fail(prompt, given.detail))


def _keep_key(call: Call, given: i.DigitPressed) -> Turn | None:
    """A key that nothing waits for."""
    if given.channel != call.channel or given.digit not in DIGITS:
        return None
    return Turn(
        replace(
            call,
            keys=(call.keys + given.digit)[-KEPT_KEYS:],
            ahead=(call.ahead + given.digit)[-KEPT_KEYS:],
        )
    )


def _take_ahead(call: Call, prompt: Prompt, collect: Collect) -> tuple[Call, Prompt]:
    if collect.flush:
        return replace(call, keys="", ahead=""), prompt
    digits, end, rest = prompt.digits, prompt.collected, call.ahead
    while rest and end is None:
        digits, end = press(digits, rest[0], collect)
        rest = rest[1:]
    return replace(call, ahead=rest), replace(prompt, digits=digits, collected=end)


def _digit(call: Call, prompt: Prompt, given: i.DigitPressed, now: float) -> Turn | None:
    collect = prompt.order.collect
    if collect is None or prompt.collected:
        return _keep_key(call, given)
    if given.channel != call.channel:
        return None
    digits, end = press(prompt.digits, given.digit, collect)
    if end is None and digits == prompt.digits:
        return None
    call = replace(call, keys=(call.keys + given.digit)[-KEPT_KEYS:])
    prompt = replace(prompt, digits=digits)
    stop = _stop_playback(call, prompt)
    if prompt.state is not PromptState.COLLECTING and prompt.order.barge is not Barge.ALL:
        # the end of a phrase that is stopped here brings the next one
        effects = stop if prompt.order.barge is Barge.PHRASE else ()
        return _turn(call, replace(prompt, collected=end), *effects)
    if end is not None:
        return _collected(call, prompt, end, *stop)
    return _turn(call, _collecting(prompt, now), *stop)


def _stop(call: Call, prompt: Prompt, given: i.StopPrompt, now: float) -> Turn:
    if given.prompt is not None and given.prompt != prompt.order.id:
        raise NoPrompt
    stop = _stop_playback(call, prompt)
    if prompt.order.collect is None:
        return _end(call, PromptOver(order=prompt.order, outcome=Outcome.STOPPED), *stop)
    return _collected(call, prompt, prompt.collected or CollectEnd.STOPPED, *stop)


def _deadline(call: Call, prompt: Prompt, given: i.PromptDeadline, now: float) -> Turn | None:
    if given.at != prompt.deadline:
        return None
    stop = _stop_playback(call, prompt)
    match prompt.state:
        case PromptState.RENDERING:
            return _end(call, fail(prompt, "the media were not ready in time"))
        case PromptState.STARTING:
            return _end(call, fail(prompt, "the playback did not start in time"), *stop)
        case PromptState.PLAYING:
            following = _phrase(call, prompt, prompt.index + 1, now)
            return replace(following, effects=stop + following.effects)
        case PromptState.COLLECTING:
            end = CollectEnd.BETWEEN_TIMEOUT if prompt.digits else CollectEnd.FIRST_TIMEOUT
            return _collected(call, prompt, end)


def _resumed(call: Call, prompt: Prompt, given: i.Resumed, now: float) -> Turn:
    """Keys pressed while we were away are lost: give the whole time again."""
    return _turn(call, _collecting(prompt, now))


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
