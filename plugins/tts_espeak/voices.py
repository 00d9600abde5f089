"""The table that `espeak-ng --voices` prints, as capabilities.

A voice's name here is what one would give to `espeak-ng -v`. The engine's voices are male; a
female one is the same voice with the variant `+f3`.
"""

from __future__ import annotations

import re
from operator import itemgetter
from typing import Final

from adapter.plugin_api import Gender, Voice

SAMPLE_RATE: Final = 22050
FEMALE: Final = "f3"

# Priority, tag, age/gender, name, file, then "(tag priority)" for each further tag
_LINE = re.compile(r"^\s*\d+\s+(\S+)\s+\S+/[MF-]\s+\S+\s+\S+\s*(.*)$")
_FURTHER = re.compile(r"\((\S+) (\d+)\)")


def languages(table: str, *, female: bool) -> dict[str, tuple[Voice, ...]]:
    """Read the table.

    Args:
        table: what `espeak-ng --voices` wrote.
        female: whether the variant for female voices is installed.

    Returns:
        BCP 47 tag -> voices. A further tag (`en`, which no voice has as its own) goes to the
        voice that claims it with the best, that is the lowest, priority.
    """
    own: dict[str, str] = {}
    claims: list[tuple[int, str, str]] = []
    for line in table.splitlines():
        match = _LINE.match(line)
        if match is not None:
            own.setdefault(_bcp47(match[1]), match[1])
            claims += [(int(n), _bcp47(tag), match[1]) for tag, n in _FURTHER.findall(match[2])]
    for _, tag, name in sorted(claims, key=itemgetter(0)):
        own.setdefault(tag, name)
    return {tag: _voices(name, female=female) for tag, name in own.items()}


def _voices(name: str, *, female: bool) -> tuple[Voice, ...]:
    male = Voice(name=name, gender=Gender.MALE, sample_rates=(SAMPLE_RATE,))
    if not female:
        return (male,)
    return (
        male,
        Voice(name=f"{name}+{FEMALE}", gender=Gender.FEMALE, sample_rates=(SAMPLE_RATE,)),
    )


def _bcp47(tag: str) -> str:
    """The tag with the letter case of RFC 5646, 2.1.1: a region in capitals, a script in title."""
    first, *rest = tag.lower().split("-")
    return "-".join([first, *_cased(rest)])


def _cased(subtags: list[str]) -> list[str]:
    private = subtags.index("x") if "x" in subtags else len(subtags)
    cased = [
        tag.upper() if len(tag) == 2 else tag.title() if len(tag) == 4 else tag
        for tag in subtags[:private]
    ]
    return cased + subtags[private:]
