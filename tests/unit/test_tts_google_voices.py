"""Google's list of voices as capabilities: families, order, languages, aliases, and the version."""

from __future__ import annotations

import pytest
from google.cloud import texttospeech_v1 as google

from adapter.plugin_api import Capabilities, Gender, VoiceNotSupported
from plugins.tts_google.voices import FAMILIES, code, family, languages, offered, version

MALE, FEMALE, NEUTRAL, UNKNOWN = (
    google.SsmlVoiceGender[name]
    for name in ("MALE", "FEMALE", "NEUTRAL", "SSML_VOICE_GENDER_UNSPECIFIED")
)


def voice(name: str, *codes: str, gender: google.SsmlVoiceGender = MALE) -> google.Voice:
    return google.Voice(
        name=name, language_codes=codes, ssml_gender=gender, natural_sample_rate_hertz=24000
    )


LISTED = [
    voice("Kore", "en-us"),
    voice("en-AU-Standard-A", "en-AU"),
    voice("en-US-Chirp3-HD-Kore", "en-US", gender=FEMALE),
    voice("en-US-Neural2-A", "en-US"),
    voice("en-US-Studio-O", "en-US", gender=FEMALE),
    voice("en-US-Wavenet-A", "en-US"),
    voice("en-US-Standard-D", "en-US"),
    voice("en-US-Standard-C", "en-US", gender=FEMALE),
    voice("cmn-CN-Standard-A", "cmn-CN", gender=NEUTRAL),
    voice("nb-NO-Standard-A", "nb-NO", "nb-NO", gender=UNKNOWN),
    voice("et-EE-Chirp3-HD-Puck", "et-EE"),
]


def capabilities(*families: str) -> Capabilities:
    table = languages(offered(LISTED, families or FAMILIES), 16000)
    return Capabilities(languages=table, ssml=True, max_chars=5000)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("en-US-Standard-C", "Standard"),
        ("en-US-Chirp3-HD-Kore", "Chirp3-HD"),
        ("es-419-Wavenet-A", "Wavenet"),
        ("cmn-CN-Standard-A", "Standard"),
        ("Kore", ""),
        ("", ""),
        ("en-US-Standard", ""),
    ],
)
def test_family(name: str, expected: str) -> None:
    """The middle of the name, without the language before and the letter behind."""
    assert family(name) == expected


def test_cheap_before_dear() -> None:
    """The families stand in their order, and in a family the names; others are not offered."""
    assert [each.name for each in capabilities().languages["en-US"]] == [
        "en-US-Standard-C",
        "en-US-Standard-D",
        "en-US-Wavenet-A",
        "en-US-Neural2-A",
        "en-US-Chirp3-HD-Kore",
    ]


def test_families_are_a_choice() -> None:
    """Their order is the operator's, in any letter case; what is not named can't be had."""
    chosen = capabilities("studio", "WAVENET")
    assert [each.name for each in chosen.languages["en-US"]] == [
        "en-US-Studio-O",
        "en-US-Wavenet-A",
    ]
    assert list(chosen.languages) == ["en-US"]
    with pytest.raises(VoiceNotSupported):
        chosen.pick("en-US", "en-US-Standard-C")


def test_region_that_speaks_for_a_language() -> None:
    """`en` is American, although the alphabet says Australian; each has the set sample rate."""
    assert capabilities().pick("en")[0] == "en-US"
    assert capabilities().pick("en-NZ")[0] == "en-US"
    assert capabilities().pick("en-AU")[0] == "en-AU"
    assert capabilities().pick("en")[1].sample_rates == (16000,)


@pytest.mark.parametrize(
    ("asked", "listed", "sent"),
    [
        ("zh-CN", "zh-CN", "cmn-CN"),
        ("zh", "zh-CN", "cmn-CN"),
        ("cmn-CN", "cmn-CN", "cmn-CN"),
        ("no", "no-NO", "nb-NO"),
        ("nb", "nb-NO", "nb-NO"),
        ("en-US", "en-US", "en-US"),
    ],
)
def test_aliases(asked: str, listed: str, sent: str) -> None:
    """A language is found by the name that people use, and by Google's, which Google hears."""
    tag, _ = capabilities().pick(asked)
    assert (tag, code(tag)) == (listed, sent)


def test_genders() -> None:
    """Google's three, and neutral for one that it does not tell."""
    found = capabilities()
    assert found.pick("en-US", "female")[1].gender is Gender.FEMALE
    assert found.pick("en-US", "male")[1].name == "en-US-Standard-D"
    assert found.pick("zh-CN", "neutral")[1].gender is Gender.NEUTRAL
    assert found.pick("nb-NO")[1].gender is Gender.NEUTRAL


def test_twice_in_the_list_is_once() -> None:
    """A voice or a language that is listed twice makes no second voice."""
    table = languages(offered([*LISTED, *LISTED], FAMILIES), 16000)
    assert table == languages(offered(LISTED, FAMILIES), 16000)
    assert len(table["nb-NO"]) == 1


def test_version() -> None:
    """It knows names, languages, genders and rates, and not the order."""
    same = version(reversed(LISTED))
    assert same == version(LISTED)
    for changed in (
        voice("et-EE-Chirp3-HD-Orus", "et-EE"),
        voice("et-EE-Chirp3-HD-Puck", "et-EE", "fi-FI"),
        voice("et-EE-Chirp3-HD-Puck", "et-EE", gender=FEMALE),
        google.Voice(name="et-EE-Chirp3-HD-Puck", language_codes=["et-EE"]),
    ):
        assert version([*LISTED[:-1], changed]) != same
    assert version(LISTED[:-1]) != same
