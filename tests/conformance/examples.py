"""The document's examples, each with its original text and what was corrected in it.

`tests/contract/examples/<contract>/*.json`: the original is verbatim; a correction replaces
one place (`is` by variant, where the document writes alternatives into one example); RULES are what
all examples share. Both applied to the original give `examples`: a test checks it, so that nothing
was corrected in silence.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "tests/contract/examples"
CREDENTIALS = "NWYxYzhhNTJlNGIwOmtleS1vZi10aGUtdGVzdC1hcHAtMDAwMQ=="  # tests.contract.stack


@dataclass(frozen=True, slots=True)
class Rule:
    """A correction that is made wherever its pattern is found."""

    why: str
    pattern: re.Pattern[str]
    replacement: str | Callable[[re.Match[str]], str]


def _rule(why: str, pattern: str, replacement: str | Callable[[re.Match[str]], str]) -> Rule:
    return Rule(why, re.compile(pattern, re.MULTILINE), replacement)


def _status_line(match: re.Match[str]) -> str:
    return f"HTTP/1.1 {match[1]} {HTTPStatus(int(match[1])).phrase}"


RULES: tuple[Rule, ...] = (
    _rule("JSON has no no-break spaces", "\xa0", " "),
    _rule("HTTP has another status line", r"\A.*?HTTPS +(\d{3}).*$", _status_line),
    _rule("typographic quotation marks are straight ones", "[“”]", '"'),
    _rule("JSON has no comments", r"/\*.*?\*/|(?<!:)//.*$", ""),
    _rule("only the host name differs", r"https://(?:api|voice)\.enablex\.io", ""),
    _rule("HTTP has a version in its request line", r"^([A-Z]+) +(/\S+) *$", r"\1 \2 HTTP/1.1"),
    _rule("real credentials", r"^(Authorization: Basic) [xX]+ *$", rf"\1 {CREDENTIALS}"),
    _rule("an empty line ends the head", r"^((?:HTTP/|[\w-]+: ).*)\n(?= *\{)", r"\1\n\n"),
    _rule("an id is a string", r": *([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}),?$", r': "\1",'),
    _rule("a real number", r'"CLI number *"', '"+15551000"'),
    _rule("a real number", r'"Dest\w+ [Nn]umber"', '"+15559001"'),
    _rule("a real number", r'"Terminating number"', '"+15559003"'),
    _rule("no space inside a timestamp", r'Z "', 'Z"'),
)


@dataclass(frozen=True, slots=True)
class Correction:
    """One place of one example.

    Attributes:
        was: the original text; empty for what is added at its beginning.
        becomes: by variant, or for all of them.
        why: the reason.
    """

    was: str
    becomes: str | Mapping[str, str]
    why: str

    def apply(self, text: str, variant: str) -> str:
        """The corrected text. Raises ValueError when the original is not there exactly once."""
        if self.was and text.count(self.was) != 1:
            raise ValueError(f"{text.count(self.was)} times: {self.was!r}")
        becomes = self.becomes if isinstance(self.becomes, str) else self.becomes[variant]
        return text.replace(self.was, becomes, 1)


@dataclass(frozen=True, slots=True)
class Example:
    """An example of the document.

    Attributes:
        name: of its file.
        row: of the conformance table.
        original: as the document has it.
        corrections: of this example alone.
        examples: what it says, by variant: a JSON body for an event; `status` and `body` for a
            reply; `method`, `url`, `headers` and `body` for a request.
    """

    name: str
    row: str
    original: str
    corrections: Sequence[Correction]
    examples: Mapping[str, Any]

    def corrected(self, variant: str) -> str:
        """The text of a variant, after all corrections."""
        return self._corrected(variant)[0]

    def reasons(self) -> list[str]:
        """Why anything was corrected, each reason once."""
        own = [one.why for one in self.corrections]
        shared = [why for variant in self.examples for why in self._corrected(variant)[1]]
        return list(dict.fromkeys([*own, *shared]))

    def _corrected(self, variant: str) -> tuple[str, list[str]]:
        text, applied = self.original, []
        for correction in self.corrections:
            text = correction.apply(text, variant)
        for rule in RULES:
            text, count = rule.pattern.subn(rule.replacement, text)
            if count:
                applied.append(rule.why)
        return text, applied


def parse(text: str) -> Any:
    """What a corrected text says: a request, a reply, or a JSON body alone.

    Raises:
        ValueError: it is neither HTTP nor JSON; or an object has a key twice.
    """
    if text.lstrip().startswith("{"):
        return _json(text)
    head, *rest = re.split(r"\n[ \t]*\n", text, maxsplit=1)
    first, *lines = head.splitlines()
    given = _json(rest[0]) if rest else None
    if first.startswith("HTTP/1.1 "):
        return {"status": int(first.split()[1]), "body": given}
    method, url, version = first.split()
    if version != "HTTP/1.1":
        raise ValueError(first)
    headers = dict(line.rstrip().split(": ", 1) for line in lines)
    return {"method": method, "url": url, "headers": headers, "body": given}


def _json(text: str) -> Any:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(dict(pairs)) != len(pairs):
            raise ValueError(f"a key twice: {[key for key, _ in pairs]}")
        return dict(pairs)

    return json.loads(text, object_pairs_hook=unique)


@cache
def load(contract: str) -> tuple[Example, ...]:
    """All examples of a contract, by name."""
    return tuple(_read(file) for file in sorted((FOLDER / contract).glob("*.json")))


def _read(file: Path) -> Example:
    given = json.loads(file.read_text("utf-8"))
    return Example(
        name=file.stem,
        row=given["row"],
        original="\n".join(given["original"]),
        corrections=[Correction(one["was"], one["is"], one["why"]) for one in given["corrections"]],
        examples=given["examples"],
    )


def page(contract: str, titles: Mapping[str, str]) -> str:
    """`docs/enablex-corrections.md`: every example, as it was, as it is, and why.

    Args:
        contract: whose examples.
        titles: of the rows of the conformance table, in its order.
    """
    lines = [
        "# Examples of the EnableX Voice document, corrected",
        "",
        "The document's examples are neither valid JSON nor valid HTTP as they stand. Each is here",
        "as it was and as our tests send it or expect it, with every correction. The files are in",
        "`tests/contract/examples`; `make conformance` writes this page from them.",
    ]
    order = list(titles)
    for example in sorted(load(contract), key=lambda one: order.index(one.row)):
        lines += ["", f"## {titles[example.row]}", "", *_fenced(example.original)]
        for variant in example.examples:
            lines += ["", f"Corrected (`{variant}`):", "", *_fenced(example.corrected(variant))]
        lines += [""] + [f"- {why}" for why in example.reasons()]
    return "\n".join(lines) + "\n"


def _fenced(text: str) -> Iterator[str]:
    yield "```"
    yield from (line.rstrip().expandtabs(4) for line in text.strip("\n").splitlines())
    yield "```"
