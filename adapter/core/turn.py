"""Building blocks of the prompt machine: a turn of it, its endings, its playback."""

from __future__ import annotations

from dataclasses import dataclass, replace

from adapter.core.ids import PlaybackId, playback_of
from adapter.core.model import Call, Prompt, PromptState
from adapter.core.outputs import Effect, Outcome, Play, PromptOver, StopPlayback

SPEECH_TIMEOUT = 60.0  # beyond the longest utterance and the time to make words of it


@dataclass(frozen=True, slots=True)
class Turn:
    """What an input made of the call's prompt; `over` when that was its end."""

    call: Call
    effects: tuple[Effect, ...] = ()
    over: PromptOver | None = None


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


def turn(call: Call, prompt: Prompt | None, *effects: Effect) -> Turn:
    """The prompt goes on."""
    return Turn(replace(call, prompt=prompt), effects)


def end(call: Call, over: PromptOver, *effects: Effect) -> Turn:
    """The prompt is over."""
    return Turn(replace(call, prompt=None), effects, over)


def stop_playback(call: Call, prompt: Prompt) -> tuple[Effect, ...]:
    """The order to stop what is played; none when nothing is."""
    if prompt.state in (PromptState.STARTING, PromptState.PLAYING):
        return (StopPlayback(playback=playback_now(call, prompt)),)
    return ()


def collecting(prompt: Prompt, now: float) -> Prompt:
    """The phrases are over: wait for digits, for speech, or for what comes first of both."""
    collect, listen = prompt.order.collect, prompt.order.listen
    if collect is not None and prompt.digits:
        wait = collect.between_timeout
    elif prompt.speaking:
        wait = SPEECH_TIMEOUT
    elif listen is not None:
        wait = listen.first_timeout
    else:
        assert collect is not None  # noqa: S101 - callers have looked
        wait = collect.first_timeout
    return replace(prompt, state=PromptState.COLLECTING, deadline=now + wait)
