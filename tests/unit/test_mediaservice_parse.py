"""Answers of Mediaservice applications: the document's examples, real shapes, and hostile ones."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapter.contracts.mediaservice import parse
from adapter.contracts.mediaservice.voices import plain_text
from adapter.core.faults import NoAnswer
from adapter.core.ids import PromptId
from adapter.core.model import (
    Background,
    BackgroundOrder,
    BackgroundState,
    Barge,
    CallState,
    Collect,
    Direction,
    EndCause,
    Instruction,
    Phrase,
)
from tests.unit.mediaservice_house import call

CALL = call(Direction.INBOUND, CallState.UP)
VOICES = {"Joanna": "en-US/female", "sv-SE-Wavenet-A": "sv-SE/anna", "*": "de/male"}
DAY = 86_400.0

# mediaservice.txt, "/getIvrCommand", response sample, as valid JSON
COMMAND = {
    "sessionId": "9bb07660-c747-11ea-afa0-bd07728b88b7",
    "sessionReferenceId": {"foo": 1, "bar": 2},
    "dtmf": {
        "flush": True,
        "encryption": {"type": "md5", "salt": "string"},
        "maxDigits": 10,
        "firstTimeout": 30,
        "betweenTimeout": 3,
        "terminationKey": "#",
    },
    "phrases": [
        {
            "format": "awstts",
            "region": "eu-west-1",
            "awsTTSParameters": {
                "Text": "Welcome",
                "TextType": "text",
                "OutputFormat": "pcm",
                "VoiceId": "Joanna",
                "Engine": "neural",
            },
            "googleTTSParameters": None,
            "cacheTimeToLive": "WEEK",
            "refreshCache": True,
            "fileName": None,
        }
    ],
    "backgroundPrompt": {"fileName": "music", "url": None, "repeatPause": 2, "stop": False},
    "bargeIn": "current",
    "recordedCallback": True,
    "hangup": True,
    "getIVRCommandAfter": 5,
    "replyId": "string",
}


def stored(name: str) -> str | None:
    return None if name.startswith("missing") else f"prompts/one/{name}.wav"


def command(answer: Any) -> Instruction:
    raw = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    return parse.command(raw, CALL, "q3", VOICES, stored)


def phrases(*asked: Any) -> tuple[Phrase, ...]:
    prompt = command({"phrases": asked}).prompt
    assert prompt is not None
    return prompt.phrases


def refusal(answer: Any) -> str:
    with pytest.raises(NoAnswer) as none:
        command(answer)
    return str(none.value)


def collect(**dtmf: Any) -> Collect:
    prompt = command({"dtmf": dtmf}).prompt
    assert prompt is not None
    assert prompt.collect is not None
    return prompt.collect


# newCall


def test_ivr() -> None:
    """`{"action": "ivr"}` alone takes the call."""
    assert parse.offer(b'{"action": "ivr"}') == Instruction()


def test_reference_is_kept() -> None:
    """`sessionReferenceId` is any JSON, and kept as it is."""
    made = parse.offer(b'{"action": "ivr", "sessionReferenceId": [1, {"a": null}]}')
    assert made.context == {"reference": [1, {"a": None}]}


@pytest.mark.parametrize(
    ("code", "cause"),
    [
        ("busy", EndCause.BUSY),
        ("numberNotFound", EndCause.NOT_FOUND),
        ("numberNotActive", EndCause.NO_ANSWER),
        ("temporarilyUnavailable", EndCause.NO_ANSWER),
        ("error", EndCause.FAILED),
        ("dropNoMsg", EndCause.REJECTED),
        (None, EndCause.REJECTED),
        ("something else", EndCause.REJECTED),
        (7, EndCause.REJECTED),
    ],
)
def test_drop(code: Any, cause: EndCause) -> None:
    """Each `dropCode`; none, or one that nobody knows, is a plain refusal."""
    answer = json.dumps({"action": "drop", "dropCode": code}).encode()
    assert parse.offer(answer).turn_away is cause


@pytest.mark.parametrize(
    ("answer", "alarm"),
    [
        (b"", "newCall response empty"),
        (b" \r\n", "newCall response empty"),
        (b"{}", "newCall response without action"),
        (b'{"action": null}', "newCall response without action"),
        (b'{"action": ""}', "newCall response without action"),
        (b"[]", "newCall response without action"),
        (b'"ivr"', "newCall response without action"),
        (b'{"action": "dance"}', "newCall response with unknown action"),
        (b'{"action": ["ivr"]}', "newCall response with unknown action"),
        (b'{"action": "call", "destAddr": "sip:a@b"}', "newCall response with unknown action"),
        (b'{"action": "connect"}', "newCall response with unknown action"),
        (b'{"action": "httpcall"}', "newCall response with unknown action"),
        (b"<html>", "newCall request failed"),
        (b"\xff\xfe", "newCall request failed"),
        (b"[" * 100_000, "newCall request failed"),
    ],
)
def test_no_offer(answer: bytes, alarm: str) -> None:
    """What is no answer, in the words of its alarm."""
    with pytest.raises(NoAnswer, match=f"^{alarm}$"):
        parse.offer(answer)


def test_reference_too_deep() -> None:
    """A value to be given back is not nested without end."""
    deep = b'{"action": "ivr", "sessionReferenceId": ' + b"[" * 80 + b"]" * 80 + b"}"
    with pytest.raises(NoAnswer, match="newCall request failed"):
        parse.offer(deep)


# getIvrCommand


def test_the_documents_example() -> None:
    """Every key of the document's response sample."""
    made = command(COMMAND)
    prompt = made.prompt
    assert prompt is not None
    assert prompt.id == "q3"
    assert prompt.phrases == (Phrase(text="Welcome", language="en-US", voice="female"),)
    assert prompt.barge is Barge.PHRASE
    assert prompt.collect == Collect(
        first_timeout=30.0, between_timeout=3.0, max_digits=10, finish_on="#", flush=True
    )
    assert (made.hang_up, made.pause, made.stop_background) == (True, 5.0, False)
    ground = Phrase(file="prompts/one/music.wav")
    assert made.background == BackgroundOrder(id=PromptId("q3-ground"), phrase=ground, pause=2.0)
    assert made.context == {
        "reference": {"foo": 1, "bar": 2},
        "digest": {"type": "md5", "salt": "string"},
        "finish_on": "#",
    }


def test_defaults() -> None:
    """`dtmf` with only `maxDigits` and `terminationKey`; no barge-in; no flush."""
    made = command({"dtmf": {"maxDigits": "1", "terminationKey": "*"}})
    assert made.prompt is not None
    assert made.prompt.barge is Barge.NEVER
    assert made.prompt.collect == Collect(
        first_timeout=10.0, between_timeout=3.0, max_digits=1, finish_on="*", flush=False
    )
    assert made.context == {"digest": None, "finish_on": "*"}


def test_without_a_termination_key_none_ends() -> None:
    """The core's own default, `#`, is not this contract's."""
    assert collect(maxDigits=4).finish_on == ""
    assert collect(terminationKey=5, encryption={}).finish_on == "5"
    assert collect(terminationKey="", encryption=None).finish_on == ""


def test_no_wait_is_too_short() -> None:
    """A collection that ends at once would ask the application in a busy loop."""
    assert collect(firstTimeout=0, betweenTimeout=0.1).first_timeout == 0.5


@pytest.mark.parametrize(
    ("barge", "expected"),
    [("current", Barge.PHRASE), ("all", Barge.ALL), (None, Barge.NEVER), (True, Barge.NEVER)],
)
def test_barge_in(barge: Any, expected: Barge) -> None:
    """`current`, `all`, and everything else is never."""
    prompt = command({"bargeIn": barge, "phrases": [{"format": "file", "fileName": "a"}]}).prompt
    assert prompt is not None
    assert prompt.barge is expected


def test_file_phrases() -> None:
    """A name without an ending; a file that is not there fails when it is played, not before."""
    found, missing = phrases(
        {"format": "file", "fileName": "welcome"}, {"format": "file", "fileName": "missing"}
    )
    assert found == Phrase(file="prompts/one/welcome.wav")
    assert missing.file
    assert not missing.file.endswith(".wav")


@pytest.mark.parametrize(
    ("more", "age"),
    [
        ({}, 0.0),
        ({"cacheTimeToLive": "NONE"}, 0.0),
        ({"cacheTimeToLive": "DAY"}, DAY),
        ({"cacheTimeToLive": "WEEK"}, 7 * DAY),
        ({"cacheTimeToLive": "MONTH"}, 30 * DAY),
        ({"cacheTimeToLive": "WEEK", "refreshCache": True}, 0.0),
    ],
)
def test_url_phrases(more: Any, age: float) -> None:
    """For how long a copy may be played."""
    url = "HTTPS://files.example/a.wav?x=1"
    assert phrases({"format": "url", "url": url, **more}) == (Phrase(url=url, max_age=age),)


@pytest.mark.parametrize(
    ("asked", "language", "voice"),
    [
        ({"VoiceId": "Joanna", "LanguageCode": "en-GB"}, "en-US", "female"),
        ({"VoiceId": "Astrid", "LanguageCode": "sv-SE"}, "sv-SE", ""),
        ({"LanguageCode": "cmn-CN"}, "zh-CN", ""),
        ({"VoiceId": "Astrid"}, "de", "male"),
    ],
)
def test_polly(asked: Any, language: str, voice: str) -> None:
    """The voice map first, then the language that was asked for, then the map's default."""
    parameters = {"Text": "Hej", "OutputFormat": "mp3", **asked}
    assert phrases({"format": "awstts", "awsTTSParameters": parameters}) == (
        Phrase(text="Hej", language=language, voice=voice),
    )


@pytest.mark.parametrize(
    ("asked", "language", "voice"),
    [
        ({"name": "sv-SE-Wavenet-A", "languageCode": "sv-SE"}, "sv-SE", "anna"),
        ({"name": "fi-FI-X", "languageCode": "fi-FI", "ssmlGender": "FEMALE"}, "fi-FI", "female"),
        ({"languageCode": "fi-FI", "ssmlGender": "SSML_VOICE_GENDER_UNSPECIFIED"}, "fi-FI", ""),
        (None, "de", "male"),
    ],
)
def test_google(asked: Any, language: str, voice: str) -> None:
    """The body of text:synthesize, likewise."""
    parameters = {"input": {"text": "Moi"}, "voice": asked, "audioConfig": {"pitch": 1}}
    assert phrases({"format": "googletts", "googleTTSParameters": parameters}) == (
        Phrase(text="Moi", language=language, voice=voice),
    )


def test_no_voice_map() -> None:
    """Without a map, a voice that nobody knows speaks English."""
    raw = b'{"phrases": [{"format": "awstts", "awsTTSParameters": {"Text": "x"}}]}'
    prompt = parse.command(raw, CALL, "q1", {}, stored).prompt
    assert prompt is not None
    assert prompt.phrases == (Phrase(text="x", language="en-US"),)


@pytest.mark.parametrize(
    ("ssml", "text"),
    [
        ("<speak>Hello <emphasis>world</emphasis></speak>", "Hello world"),
        ('<speak>One<break time="1s"/>two</speak>', "One, two"),
        ("<speak><p>One.</p><p>Two.</p></speak>", "One. Two."),
        ('<sub alias="World Wide Web">WWW</sub> &amp; more &lt;3', "World Wide Web & more <3"),
        ("no markup at all", "no markup at all"),
    ],
)
def test_marked_up_text(ssml: str, text: str) -> None:
    """SSML is spoken as the text that it holds."""
    assert plain_text(ssml) == text


def test_marked_up_phrases() -> None:
    """Both services' ways to say that a text is marked up; control characters are spaces."""
    polly, google = phrases(
        {"format": "awstts", "awsTTSParameters": {"Text": "<speak>a</speak>", "TextType": "ssml"}},
        {
            "format": "googletts",
            "googleTTSParameters": {"input": {"ssml": "<speak>b\x07c</speak>"}},
        },
    )
    assert (polly.text, google.text) == ("a", "b c")


def test_background_that_runs_goes_on() -> None:
    """An application that repeats its `backgroundPrompt` does not start it over."""
    order = BackgroundOrder(id=PromptId("q1-ground"), phrase=Phrase(url="http://a/b"), pause=1.0)
    background = Background(order=order, state=BackgroundState.PREPARING)
    running = replace(CALL, background=background)
    same = b'{"backgroundPrompt": {"url": "http://a/b", "repeatPause": 1}}'
    other = b'{"backgroundPrompt": {"url": "http://a/c", "repeatPause": 1}}'
    assert parse.command(same, running, "q2", VOICES, stored).background is None
    assert parse.command(other, running, "q2", VOICES, stored).background is not None


def test_background_stops() -> None:
    """`stop` ends it, whatever else stands beside it."""
    made = command({"backgroundPrompt": {"stop": True, "fileName": "music"}})
    assert (made.stop_background, made.background) == (True, None)


@pytest.mark.parametrize(
    ("answer", "alarm"),
    [
        (b"", "Empty body in getIvrCommand response"),
        (b"{}", "Empty body in getIvrCommand response"),
        (b"null", "Empty body in getIvrCommand response"),
        (b"<html>", "getIvrCommand request error"),
        (b"[1]", "IVR command failed"),
        ({"dtmf": {"maxDigits": 0}}, "IVR command failed"),
        ({"dtmf": {"maxDigits": "many"}}, "IVR command failed"),
        ({"dtmf": {"terminationKey": "x"}}, "IVR command failed"),
        ({"dtmf": {"encryption": {"type": "rot13"}}}, "IVR command failed"),
        ({"getIVRCommandAfter": -1}, "IVR command failed"),
        ({"phrases": "welcome"}, "IVR command failed"),
        ({"phrases": [{"format": "url", "url": "file:///etc/passwd"}]}, "IVR command failed"),
        ({"phrases": [{"format": "record", "fileName": "a"}]}, "IVR command failed"),
        ({"phrases": [{"format": "echo"}]}, "IVR command failed"),
        ({"phrases": [{"format": "file"}]}, "phraseError"),
        ({"phrases": [{"format": "awstts"}]}, "phraseError"),
        ({"phrases": [{"format": "smellovision"}]}, "phraseError"),
        ({"phrases": [{"format": "file", "fileName": "x" * 201}]}, "IVR command failed"),
    ],
)
def test_no_command(answer: Any, alarm: str) -> None:
    """What is no command, in the words of its alarm."""
    assert refusal(answer) == alarm


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*COMMAND, "format", "stop", "Text"]), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from([*COMMAND]), JSON, max_size=5) | JSON)
def test_any_json_is_a_command_or_an_alarm(answer: Any) -> None:
    """Nothing that an application sends raises anything else."""
    try:
        made = command(answer)
    except NoAnswer:
        return
    assert made.pause >= 0
