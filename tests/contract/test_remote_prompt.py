"""`prompt_name` that is an http(s) URL: fetched by us, played from a file (enablex.md, "play")."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from adapter.media import wav
from tests.contract.parties import leg, of
from tests.contract.stack import Stack
from tests.contract.wording import TIMESTAMP, refused
from tests.fakes.speech import hum
from tests.fakes.webhook_sink import Reply, WebhookSink

HELLO = wav.write(hum(0.2, 8000))
OUT = ["ringing", "connected"]


@pytest.fixture
async def files() -> AsyncIterator[WebhookSink]:
    """A web server with audio."""
    async with WebhookSink() as files:
        files.default = Reply(body=HELLO, headers={"Content-Type": "audio/wav"})
        yield files


async def test_it_is_played(stack: Stack, files: WebhookSink) -> None:
    """The copy of it is played, and the outcome is that of any prompt."""
    call = await stack.connected()
    reply = await stack.play(call, prompt_name=files.url("/hello.wav"), prompt_ref="r")
    assert (reply.status, reply["playstate"]) == (200, "initiated")
    assert (await stack.event(call, "playfinished"))["prompt_ref"] == "r"
    (played,) = stack.ari.seen("play")
    assert "/media/remote/" in str(played.body or played.query)


async def test_it_is_fetched_once_in_a_while(stack: Stack, files: WebhookSink) -> None:
    """Two plays within a minute are one request."""
    call = await stack.connected()
    for count in (1, 2):
        assert (await stack.play(call, prompt_name=files.url())).status == 200
        await stack.event(call, "playfinished", count)
    assert len(files.received) == 1


async def test_menu(stack: Stack, files: WebhookSink) -> None:
    """Keys are collected as with any prompt."""
    call = await stack.connected()
    await stack.play(call, prompt_name=files.url(), dtmf=True)
    await stack.ari.wait_for(lambda: stack.ari.count("play") == 1)
    for key in "42#":
        stack.ari.digit(leg(call, 1), key)
    assert (await stack.event(call, "digitcollected"))["digit"] == "42"


@pytest.mark.parametrize(
    "answer",
    [
        Reply(404),
        Reply(500),
        Reply(body=b"<html>no audio</html>"),
        Reply(body=b""),
        Reply(302, headers={"Location": "http://10.0.0.1/hello.wav"}),
        Reply(302, headers={"Location": "file:///etc/passwd"}),
        Reply(drop=True),
    ],
    ids=["404", "500", "no audio", "empty", "to a forbidden address", "to a file", "cut"],
)
async def test_what_can_not_be_had(stack: Stack, files: WebhookSink, answer: Reply) -> None:
    """400 "Media Request Failed", and no event: nothing was begun."""
    files.default = answer
    call = await stack.connected()
    reply = await stack.play(call, prompt_name=files.url())
    refused(reply, 400, 400, "Media Request Failed", **of(call), timeStamp=TIMESTAMP)
    await stack.quiet()
    assert stack.names(call) == OUT


async def test_nobody_there(stack: Stack, files: WebhookSink) -> None:
    """The same for a server that is down."""
    await files.down()
    call = await stack.connected()
    assert (await stack.play(call, prompt_name=files.url())).status == 400


async def test_slow_server(stack: Stack, files: WebhookSink) -> None:
    """The reply waits 2 s; what comes later is played, what fails later is the event failed."""
    call = await stack.connected()
    files.default = Reply(body=HELLO, delay=2.3)
    assert (await stack.play(call, prompt_name=files.url("/late"))).status == 200
    await stack.event(call, "playfinished")
    files.default = Reply(404, delay=2.3)
    play_id = (await stack.play(call, prompt_name=files.url("/later"))).body["play_id"]
    failed = await stack.event(call, "failed")
    assert (failed["play_id"], bool(failed["msg"])) == (play_id, True)


@pytest.mark.parametrize(
    "url",
    [
        "http://10.0.0.1/a.wav",
        "http://169.254.169.254/latest",
        "HTTP://[::1]/a.wav",
        "https://user:secret@127.0.0.1/a.wav",
        "http:///a.wav",
    ],
)
async def test_forbidden_address(stack: Stack, url: str) -> None:
    """A literal address that must not be called is 400 and named, before anything is fetched."""
    call = await stack.connected()
    reply = await stack.play(call, prompt_name=url)
    refused(reply, 400, 400, "prompt_name", **of(call), timeStamp=TIMESTAMP)


async def test_action_on_connect(stack: Stack, files: WebhookSink) -> None:
    """Fetched when the call is answered; what can't be had then is the event failed."""
    play = {"prompt_name": files.url()}
    call = await stack.connected(action_on_connect={"play": play})
    await stack.event(call, "playfinished")
    files.default = Reply(404)
    gone = {"prompt_name": files.url("/gone")}
    call = await stack.connected(action_on_connect={"play": gone})
    assert (await stack.event(call, "failed"))["msg"]
    assert (await stack.say(call)).status == 200
