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
from dataclasses import replace
from typing import Any

from adapter.core import inputs as i
from adapter.core.digits import DIGITS, press
from adapter.core.errors import NoPrompt, PromptBusy
from adapter.core.layout import listening_now
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
    PrepareMedia,
    PromptOver,
)
from adapter.core.turn import (
    Turn,
    collecting,
    end,
    fail,
    play_now,
    playback_now,
    stop_playback,
    turn,
)

RENDER_TIMEOUT = 30.0
START_TIMEOUT = 10.0
KEPT_KEYS = 128
PLAY_SLACK = 10.0  # beyond the length of the media; then its end was missed


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
    return turn(call, prompt, PrepareMedia(prompt=order.id, phrases=order.phrases))


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


def _phrase(call: Call, prompt: Prompt, index: int, now: float) -> Turn:
    """Play the phrase of this index; behind the last one the phrases are over."""
    if index >= len(prompt.media):
        return _played(call, prompt, now)
    starting = replace(
        prompt, state=PromptState.STARTING, index=index, deadline=now + START_TIMEOUT
    )
    return turn(call, starting, play_now(call, starting))


def _collected(call: Call, prompt: Prompt, complete: CollectEnd | None, *effects: Effect) -> Turn:
    over = PromptOver(
        order=prompt.order, outcome=Outcome.COLLECTED, digits=prompt.digits, collected=complete
    )
    return end(call, over, *effects)


def _media_ready(call: Call, prompt: Prompt, given: i.MediaReady, now: float) -> Turn | None:
    if given.prompt != prompt.order.id:
        return None
    return _phrase(call, replace(prompt, media=given.media), 0, now)


def _media_failed(call: Call, prompt: Prompt, given: i.MediaFailed, now: float) -> Turn | None:
    if given.prompt != prompt.order.id:
        return None
    return end(call, fail(prompt, given.reason))


def _started(call: Call, prompt: Prompt, given: i.PlaybackStarted, now: float) -> Turn | None:
    if given.playback != playback_now(call, prompt):
        return None
    deadline = now + prompt.media[prompt.index].seconds + PLAY_SLACK
    return turn(call, replace(prompt, state=PromptState.PLAYING, deadline=deadline))


def _finished(call: Call, prompt: Prompt, given: i.PlaybackFinished, now: float) -> Turn | None:
    if given.playback != playback_now(call, prompt):
        return None
    if given.failed:
        if prompt.collected:
            return _played(call, prompt, now)
        return end(call, fail(prompt, "the media could not be played"))
    return _phrase(call, prompt, prompt.index + 1, now)


def _played(call: Call, prompt: Prompt, now: float, *effects: Effect) -> Turn:
    """The phrases have ended: over, or the collection goes on with what is there already."""
    if prompt.order.collect is None and prompt.order.listen is None:
        return end(call, PromptOver(order=prompt.order, outcome=Outcome.FINISHED), *effects)
    if prompt.collected:
        return _collected(call, prompt, prompt.collected, *effects)
    return turn(call, collecting(prompt, now), *effects)


def _refused(call: Call, prompt: Prompt, given: i.PlaybackRefused, now: float) -> Turn | None:
    if given.playback != playback_now(call, prompt):
        return None
    return end(call, fail(prompt, given.detail))


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
    digits, complete, rest = prompt.digits, prompt.collected, call.ahead
    while rest and complete is None:
        digits, complete = press(digits, rest[0], collect)
        rest = rest[1:]
    return replace(call, ahead=rest), replace(prompt, digits=digits, collected=complete)


def _digit(call: Call, prompt: Prompt, given: i.DigitPressed, now: float) -> Turn | None:
    collect = prompt.order.collect
    if collect is None or prompt.collected:
        return _keep_key(call, given)
    if given.channel != call.channel:
        return None
    digits, complete = press(prompt.digits, given.digit, collect)
    if complete is None and digits == prompt.digits:
        return None
    call = replace(call, keys=(call.keys + given.digit)[-KEPT_KEYS:])
    prompt = replace(prompt, digits=digits)
    stop = stop_playback(call, prompt)
    if prompt.state is not PromptState.COLLECTING and prompt.order.barge is not Barge.ALL:
        # the end of a phrase that is stopped here brings the next one
        effects = stop if prompt.order.barge is Barge.PHRASE else ()
        return turn(call, replace(prompt, collected=complete), *effects)
    if complete is not None:
        return _collected(call, prompt, complete, *stop)
    return turn(call, collecting(prompt, now), *stop)


def _stop(call: Call, prompt: Prompt, given: i.StopPrompt, now: float) -> Turn:
    if given.prompt is not None and given.prompt != prompt.order.id:
        raise NoPrompt
    stop = stop_playback(call, prompt)
    if prompt.order.collect is None:
        return end(call, PromptOver(order=prompt.order, outcome=Outcome.STOPPED), *stop)
    return _collected(call, prompt, prompt.collected or CollectEnd.STOPPED, *stop)


def _deadline(call: Call, prompt: Prompt, given: i.PromptDeadline, now: float) -> Turn | None:
    if given.at != prompt.deadline:
        return None
    stop = stop_playback(call, prompt)
    match prompt.state:
        case PromptState.RENDERING:
            return end(call, fail(prompt, "the media were not ready in time"))
        case PromptState.STARTING:
            return end(call, fail(prompt, "the playback did not start in time"), *stop)
        case PromptState.PLAYING:
            following = _phrase(call, prompt, prompt.index + 1, now)
            return replace(following, effects=stop + following.effects)
        case PromptState.COLLECTING:
            return _nothing_more(call, prompt)


def _nothing_more(call: Call, prompt: Prompt) -> Turn:
    """Nothing was pressed or said in time; with both wanted it counts as nothing said."""
    if prompt.digits or prompt.order.listen is None or prompt.deaf:
        complete = CollectEnd.BETWEEN_TIMEOUT if prompt.digits else CollectEnd.FIRST_TIMEOUT
        return _collected(call, prompt, complete)
    outcome = Outcome.NOT_HEARD if prompt.speaking else Outcome.SILENT
    return end(call, PromptOver(order=prompt.order, outcome=outcome))


def _resumed(call: Call, prompt: Prompt, given: i.Resumed, now: float) -> Turn | None:
    """What was pressed or said while we were away is lost: give the whole time again.

    Whoever listened for us is gone as well, so that has to begin anew.
    """
    if prompt.order.listen is not None:
        prompt = replace(prompt, round=prompt.round + 1, speaking=False)
    elif prompt.state is not PromptState.COLLECTING:
        return None
    if prompt.state is not PromptState.COLLECTING:
        return turn(call, prompt)
    return turn(call, collecting(prompt, now))


def _speech_began(call: Call, prompt: Prompt, given: i.SpeechBegan, now: float) -> Turn | None:
    if given.listening != listening_now(call):
        return None
    return turn(call, collecting(replace(prompt, speaking=True), now), *stop_playback(call, prompt))


def _speech_heard(call: Call, prompt: Prompt, given: i.SpeechHeard, now: float) -> Turn | None:
    if given.listening != listening_now(call):
        return None
    outcome = Outcome.HEARD if given.heard.text else Outcome.NOT_HEARD
    over = PromptOver(order=prompt.order, outcome=outcome, heard=given.heard)
    return end(call, over, *stop_playback(call, prompt))


def _speech_lost(call: Call, prompt: Prompt, given: i.SpeechLost, now: float) -> Turn | None:
    """Where digits are wanted too, they still can come."""
    if given.listening != listening_now(call):
        return None
    if prompt.order.collect is None:
        over = PromptOver(order=prompt.order, outcome=Outcome.NOT_HEARD, reason=given.reason)
        return end(call, over, *stop_playback(call, prompt))
    deaf = replace(prompt, deaf=True, speaking=False)
    return turn(call, collecting(deaf, now) if prompt.speaking else deaf)


_HEARS: Mapping[type, Handler] = {
    i.SpeechBegan: _speech_began,
    i.SpeechHeard: _speech_heard,
    i.SpeechLost: _speech_lost,
    i.Resumed: _resumed,
}
TABLE: Mapping[PromptState, Mapping[type, Handler]] = {
    PromptState.RENDERING: {
        i.MediaReady: _media_ready,
        i.MediaFailed: _media_failed,
        i.DigitPressed: _digit,
        i.StopPrompt: _stop,
        i.PromptDeadline: _deadline,
    },
    PromptState.STARTING: {
        **_HEARS,
        i.PlaybackStarted: _started,
        i.PlaybackFinished: _finished,
        i.PlaybackRefused: _refused,
        i.DigitPressed: _digit,
        i.StopPrompt: _stop,
        i.PromptDeadline: _deadline,
    },
    PromptState.PLAYING: {
        **_HEARS,
        i.PlaybackFinished: _finished,
        i.DigitPressed: _digit,
        i.StopPrompt: _stop,
        i.PromptDeadline: _deadline,
    },
    PromptState.COLLECTING: {
        **_HEARS,
        i.DigitPressed: _digit,
        i.StopPrompt: _stop,
        i.PromptDeadline: _deadline,
    },
}

LATE = frozenset(
    {
        (PromptState.RENDERING, i.PlaybackStarted),
        (PromptState.RENDERING, i.PlaybackFinished),
        (PromptState.RENDERING, i.PlaybackRefused),
        (PromptState.RENDERING, i.SpeechBegan),
        (PromptState.RENDERING, i.SpeechHeard),
        (PromptState.RENDERING, i.SpeechLost),
        (PromptState.RENDERING, i.Resumed),
        (PromptState.STARTING, i.MediaReady),
        (PromptState.STARTING, i.MediaFailed),
        (PromptState.PLAYING, i.MediaReady),
        (PromptState.PLAYING, i.MediaFailed),
        (PromptState.PLAYING, i.PlaybackStarted),
        (PromptState.PLAYING, i.PlaybackRefused),
        (PromptState.COLLECTING, i.MediaReady),
        (PromptState.COLLECTING, i.MediaFailed),
        (PromptState.COLLECTING, i.PlaybackStarted),
        (PromptState.COLLECTING, i.PlaybackFinished),
        (PromptState.COLLECTING, i.PlaybackRefused),
    }
)
