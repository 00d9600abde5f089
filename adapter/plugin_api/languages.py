"""Which listed language answers a request, in the order of preference. Not a list of languages.

BCP 47 tags; RFC 4647, 3.4 (lookup), with one step more: any region of the same primary tag.
"""

from __future__ import annotations

from collections.abc import Iterable


def matching(language: str, listed: Iterable[str]) -> list[str]:
    """Those of `listed` with the primary tag of `language`, the best first.

    The exact tag, then shorter forms of it, then the rest in their order. Letter case and `_` for
    `-` make no difference.
    """
    wanted = _subtags(language)
    same = [tag for tag in listed if _subtags(tag)[0] == wanted[0]]
    return sorted(same, key=lambda tag: -_kinship(wanted, _subtags(tag)))


def _subtags(tag: str) -> list[str]:
    return tag.strip().casefold().replace("_", "-").split("-")


def _kinship(wanted: list[str], listed: list[str]) -> int:
    """Length of `listed` when it is `wanted` or a shorter form of it, else 0."""
    return len(listed) if wanted[: len(listed)] == listed else 0
