"""What the two speech services of the contract are asked to say, as phrases of ours.

`awstts` has the parameters of Amazon Polly's SynthesizeSpeech, `googletts` those of Google's
text:synthesize. Both are spoken by whichever synthesiser is configured: the domain's voice map
names a voice of ours for a voice of theirs; a voice that is not in it speaks in the language that
was asked for. Engine, region, sample rate and audio settings have no meaning here.

Marked-up text (SSML) is spoken as the plain text that it holds, because no synthesiser behind
this contract needs to understand it: `<sub alias>` says the alias, a break is a comma.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from html.parser import HTMLParser
from typing import Annotated, Any

from msgspec import Meta, Struct

from adapter.core.model import Phrase

DEFAULT_VOICE = "*"
"""Key of the voice map: what speaks when neither voice nor language is known."""

MAX_TEXT = 5000
_LANGUAGE = "en-US"
_CODES = {"arb": "ar", "cmn-CN": "zh-CN", "yue-CN": "zh-HK"}  # Polly's codes -> BCP 47 in use
_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]+")
_PAUSE = "\x00"
_PAUSES = re.compile(r"([.,;:!?]?)\s*\x00[\s\x00]*")  # a comma, where nothing pauses already
_SPACE = re.compile(r"\s+")
_GENDERS = {"MALE": "male", "FEMALE": "female", "NEUTRAL": "neutral"}

Text = Annotated[str, Meta(max_length=MAX_TEXT)]
Name = Annotated[str, Meta(max_length=128)]


class Polly(Struct, kw_only=True):
    """`awsTTSParameters`: the parameters of SynthesizeSpeech that say what is to be heard."""

    Text: Text
    TextType: Name | None = None
    VoiceId: Name | None = None
    LanguageCode: Name | None = None
    OutputFormat: Any = None
    Engine: Any = None


class GoogleInput(Struct, kw_only=True):
    """`input` of text:synthesize: either of the two."""

    text: Text | None = None
    ssml: Text | None = None


class GoogleVoice(Struct, kw_only=True):
    """`voice` of text:synthesize."""

    languageCode: Name | None = None
    name: Name | None = None
    ssmlGender: Name | None = None


class Google(Struct, kw_only=True):
    """`googleTTSParameters`: the body of text:synthesize."""

    input: GoogleInput
    voice: GoogleVoice | None = None
    audioConfig: Any = None


def polly_phrase(asked: Polly, voices: Mapping[str, str]) -> Phrase:
    """What Polly was to say."""
    marked_up = (asked.TextType or "").lower() == "ssml"
    return _phrase(asked.Text, marked_up, asked.VoiceId, asked.LanguageCode, "", voices)


def google_phrase(asked: Google, voices: Mapping[str, str]) -> Phrase:
    """What Google was to say."""
    voice = asked.voice or GoogleVoice()
    gender = _GENDERS.get((voice.ssmlGender or "").upper(), "")
    marked_up = asked.input.ssml is not None
    text = asked.input.ssml if asked.input.ssml is not None else asked.input.text or ""
    return _phrase(text, marked_up, voice.name, voice.languageCode, gender, voices)


def plain_text(ssml: str) -> str:
    """The text in a marked-up one, as it would be read out."""
    reader = _Ssml()
    reader.feed(ssml)
    reader.close()
    text = _PAUSES.sub(lambda found: f"{found[1] or ','} ", "".join(reader.parts))
    return _SPACE.sub(" ", text).strip(" ,")


def _phrase(
    text: str,
    marked_up: bool,
    name: str | None,
    language: str | None,
    gender: str,
    voices: Mapping[str, str],
) -> Phrase:
    said = _CONTROL.sub(" ", plain_text(text) if marked_up else text)
    if name and name in voices:
        ours, _, voice = voices[name].partition("/")
    elif language:
        ours, voice = _CODES.get(language, language), gender
    else:
        ours, _, voice = voices.get(DEFAULT_VOICE, _LANGUAGE).partition("/")
    return Phrase(text=said, language=ours, voice=voice)


class _Ssml(HTMLParser):
    """Reads text out of SSML; tolerant, and without entities that expand (W3C SSML 1.1)."""

    _PAUSING = frozenset({"break", "p", "s"})

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._replaced = False  # within a <sub alias>

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        alias = dict(attrs).get("alias") if tag == "sub" else None
        if alias is not None:
            self._replaced = True
            self.parts.append(alias)
        elif tag in self._PAUSING:
            self.parts.append(_PAUSE)

    def handle_endtag(self, tag: str) -> None:
        if tag == "sub":
            self._replaced = False
        elif tag in self._PAUSING:
            self.parts.append(_PAUSE)

    def handle_data(self, data: str) -> None:
        if not self._replaced:
            self.parts.append(data)
