"""Expected phrases as a JSGF grammar, and back: which phrase a recognised line was.

JSGF is the JSpeech Grammar Format (W3C Note, June 2000). Only words that the dictionary has get
into it, so nothing of a phrase is syntax.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*'?")
_BETWEEN = re.compile(r"[\s\-,.;:!?\"()/]+")


@dataclass(frozen=True, slots=True)
class Grammar:
    """A grammar of whole phrases.

    Attributes:
        jsgf: for the decoder.
        phrases: a phrase as the decoder writes it -> as it was given.
    """

    jsgf: str
    phrases: dict[str, str]

    @classmethod
    def of(cls, hints: Iterable[str], dictionary: Collection[str]) -> Self | None:
        """The grammar of the phrases of which every word is in the dictionary; None without any.

        A phrase is never shortened: "talk to Quxley" must not be taken for "talk to".
        """
        phrases: dict[str, str] = {}
        for hint in hints:
            words = _BETWEEN.sub(" ", hint.casefold().replace("\u2019", "'")).split()
            if words and all(_WORD.fullmatch(word) and word in dictionary for word in words):
                phrases.setdefault(" ".join(words), hint.strip())
        if not phrases:
            return None
        return cls(
            f"#JSGF V1.0;\ngrammar hints;\npublic <hint> = {' | '.join(phrases)};\n", phrases
        )


def words_of(dictionary: Path) -> frozenset[str]:
    """The words of a pronunciation dictionary: a word and its phones on each line.

    Raises:
        OSError, UnicodeDecodeError: it can't be read.
    """
    lines = dictionary.read_text("utf-8").splitlines()
    return frozenset(line.split(None, 1)[0] for line in lines if line.strip())
