"""The background machine: one phrase over and over, whenever nothing else is to be heard.

::

    ordered --> PREPARING --MediaReady--> WAITING (a prompt is heard) <--+
                                             |  the prompt is over       | a prompt begins
                                             v                           |
                                          PLAYING --PlaybackFinished--> RESTING
                                             ^------------ pause ----------+

It follows the prompt machine: `settle` is called after every input of a call that is up.
"""

from __future__ import annotations

from dataclasses import replace

from adapter.core import inputs as i
from adapter.core.ids import PlaybackId, playback_of
from adapter.core.model import Background, BackgroundOrder, BackgroundState, Call, Media
from adapter.core.outputs import Effect, Play, PrepareMedia, StopPlayback

PLAY_SLACK = 10.0  # beyond the length of the media; then the end of the round was missed

Change = tuple[Call, tuple[Effect, ...]]


def begin(call: Call, order: BackgroundOrder) -> Change:
    """Order a background; one that runs is replaced."""
    call, effects = stop(call)
    background = Background(order=order, state=BackgroundState.PREPARING)
    return replace(call, background=background), (*effects, prepare(background))


def stop(call: Call) -> Change:
    """End the background; nothing when there is none."""
    background = call.background
    if background is None:
        return call, ()
    return replace(call, background=None), _silence(call, background)


def prepare(background: Background) -> PrepareMedia:
    """The order to make its audio."""
    return PrepareMedia(prompt=background.order.id, phrases=(background.order.phrase,))


def round_of(call: Call, background: Background) -> PlaybackId:
    """The playback of the round that is going on."""
    return playback_of(call.id, background.order.id, background.round)


def advance(call: Call, given: i.Input) -> Change | None:
    """Apply an input that is about the background; None when it is not, or comes too late."""
    background = call.background
    if background is None:
        return None
    effects: tuple[Effect, ...] = ()
    match given:
        case i.MediaReady(prompt=prompt, media=media) if (
            prompt == background.order.id and background.state is BackgroundState.PREPARING
        ):
            made = replace(background, state=BackgroundState.WAITING, media=media[0])
        case i.MediaFailed(prompt=prompt) if (
            prompt == background.order.id and background.state is BackgroundState.PREPARING
        ):
            return replace(call, background=None), ()
        case i.PlaybackFinished(playback=playback, failed=failed) if (
            playback == round_of(call, background) and background.state is BackgroundState.PLAYING
        ):
            if failed:
                return replace(call, background=None), ()
            made = replace(background, state=BackgroundState.RESTING, deadline=None)
        case i.PlaybackRefused(playback=playback) if playback == round_of(call, background):
            return replace(call, background=None), ()
        case i.BackgroundDeadline(at=at) if at == background.deadline:
            over, effects = BackgroundState.RESTING, _silence(call, background)
            if background.state is BackgroundState.RESTING:
                over = BackgroundState.WAITING
            made = replace(background, state=over, deadline=None)
        case _:
            return None
    return replace(call, background=made), effects


def settle(call: Call, now: float) -> Change:
    """Play when nothing else is heard, be silent when something is, rest between two rounds."""
    background = call.background
    if background is None or background.media is None:
        return call, ()
    if call.prompt is not None or call.bridge is not None:
        if background.state is BackgroundState.WAITING:
            return call, ()
        waiting = replace(background, state=BackgroundState.WAITING, deadline=None)
        return replace(call, background=waiting), _silence(call, background)
    if background.state is BackgroundState.RESTING and background.deadline is None:
        if background.order.pause > 0:
            resting = replace(background, deadline=now + background.order.pause)
            return replace(call, background=resting), ()
        return _play(call, background, background.media, now)
    if background.state is BackgroundState.WAITING:
        return _play(call, background, background.media, now)
    return call, ()


def _play(call: Call, background: Background, media: Media, now: float) -> Change:
    playing = replace(
        background,
        state=BackgroundState.PLAYING,
        round=background.round + 1,
        deadline=now + media.seconds + PLAY_SLACK,
    )
    call = replace(call, background=playing)
    order = Play(channel=call.channel, playback=round_of(call, playing), media=media)
    return call, (order,)


def _silence(call: Call, background: Background) -> tuple[Effect, ...]:
    if background.state is not BackgroundState.PLAYING:
        return ()
    return (StopPlayback(playback=round_of(call, background)),)
