"""The list that `ListVoices` answers, as capabilities. What a voice costs depends on its family.

A family is the middle of a voice's name (`en-US-Standard-C`, `en-US-Chirp3-HD-Kore`). Only the
families that are set are offered: which prices are paid is not for callers to choose. A bare name
(`Kore`) has no family; such voices need a model in each request.

Source: cloud.google.com/text-to-speech/docs, "Supported voices and languages".
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from typing import Final

from google.cloud import texttospeech_v1 as google

from adapter.plugin_api import Gender, Voice

FAMILIES: Final = ("Standard", "Wavenet", "Neural2", "Chirp3-HD")
"""Of which voices are offered, the preferred one first: the cheapest."""

ALIASES: Final = {
    "cmn-CN": "zh-CN",
    "cmn-TW": "zh-TW",
    "yue-HK": "zh-HK",
    "nb-NO": "no-NO",
    "fil-PH": "tl-PH",
}
"""Google's tag -> the tag under which people ask for the same language (RFC 5646, 2.2.2)."""

_REGIONS = ("en-US", "es-ES", "fr-FR", "nl-NL", "pt-BR", "zh-CN")
"""Which region speaks when none is named (CLDR, likelySubtags), where the alphabet is wrong."""

_NAME = re.compile(r"[a-z]{2,3}-[A-Z0-9]\w*-(.+)-[^-]+")
_GENDERS = {
    google.SsmlVoiceGender.MALE: Gender.MALE,
    google.SsmlVoiceGender.FEMALE: Gender.FEMALE,
}


def family(name: str) -> str:
    """The family of a voice; empty when its name does not say."""
    match = _NAME.fullmatch(name)
    return match[1] if match else ""


def offered(listed: Iterable[google.Voice], families: Sequence[str]) -> list[google.Voice]:
    """The voices of some families, those of the first family first, then by name."""
    wanted = [name.casefold() for name in families]

    def preference(voice: google.Voice) -> tuple[int, str]:
        return wanted.index(family(voice.name).casefold()), voice.name

    chosen = {voice.name: voice for voice in listed if family(voice.name).casefold() in wanted}
    return sorted(chosen.values(), key=preference)


def languages(voices: Iterable[google.Voice], rate: int) -> dict[str, tuple[Voice, ...]]:
    """BCP 47 tag -> voices, in their order.

    Args:
        voices: as `offered` gave them.
        rate: Hz, in which every voice will be asked to speak.
    """
    table: dict[str, list[Voice]] = {}
    for voice in voices:
        for code in dict.fromkeys(voice.language_codes):
            for tag in filter(None, (code, ALIASES.get(code))):
                table.setdefault(tag, []).append(_voice(voice, rate))
    tags = sorted(table, key=lambda tag: (tag not in _REGIONS, tag))
    return {tag: tuple(table[tag]) for tag in tags}


def code(language: str) -> str:
    """Google's tag of a language that `languages` has listed."""
    return next((code for code, alias in ALIASES.items() if alias == language), language)


def version(voices: Iterable[google.Voice]) -> str:
    """Changes when a voice comes, goes or is made anew; not with the order of the list."""
    facts = sorted(
        (each.name, sorted(each.language_codes), each.ssml_gender, each.natural_sample_rate_hertz)
        for each in voices
    )
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]


def _voice(voice: google.Voice, rate: int) -> Voice:
    gender = _GENDERS.get(voice.ssml_gender, Gender.NEUTRAL)
    return Voice(name=voice.name, gender=gender, sample_rates=(rate,))
