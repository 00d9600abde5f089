"""TOML tables read into the fields of a msgspec model, with every fault found, not just the first.

Used for the settings and for provisioning files. A model's fields say name, type, default and (in
`msgspec.Meta`) limits and a description; `Reader` checks each field by itself, so that one fault
does not hide the next. A reason never repeats a value: it may be a secret.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args, get_origin

import msgspec

from adapter.core.masked import Secret

Check: TypeAlias = Callable[[Any], Any]
"""Takes a value of the right type, returns it in its canonical form; raises ValueError."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong.

    Attributes:
        file: where, as the user named it; or ``environment``.
        key: path of the key, such as ``number[2].trunk`` or ``http.port``; empty for the file.
        reason: what is wrong with it.
    """

    file: str
    key: str
    reason: str

    def __str__(self) -> str:
        return ": ".join(part for part in (self.file, self.key, self.reason) if part)


class TomlInvalid(Exception):
    """The file is not TOML. `finding` says where."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(str(finding))
        self.finding = finding


def read_toml(path: Path) -> dict[str, Any]:
    """The content of a TOML file.

    Raises:
        TomlInvalid: it is not TOML, or not UTF-8.
        OSError: it can't be read.
    """
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except tomllib.TOMLDecodeError as error:
        # Its text names line and column, and at most one character of the file.
        raise TomlInvalid(Finding(str(path), "", f"is not valid TOML: {error}")) from None
    except (UnicodeDecodeError, RecursionError):
        raise TomlInvalid(Finding(str(path), "", "is not a TOML file in UTF-8")) from None


def nearest(name: str, known: Iterable[str]) -> str:
    """``; did you mean 'x'?``, or nothing when no known name is near."""
    close = get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f"; did you mean {close[0]!r}?" if close else ""


def convert(value: object, kind: Any, *, strict: bool = True) -> Any:
    """A value as a type, with lists as tuples, and text as `Path` or `Secret`.

    Raises:
        ValueError: it is not of this type; the text does not repeat it.
    """
    try:
        return msgspec.convert(value, kind, strict=strict, dec_hook=_decode)
    except msgspec.ValidationError as error:
        raise ValueError(_reworded(str(error), kind)) from None


@dataclass(slots=True)
class Reader:
    """Reads the tables of one file.

    Attributes:
        file: its name, for the findings.
        findings: what was wrong so far.
        strict: false for values that are all text, as in the environment: "8080" is a number then.
        spell: how a key's path is written for people.
    """

    file: str
    findings: list[Finding] = field(default_factory=list)
    strict: bool = True
    spell: Callable[[str], str] = str

    def fault(self, key: str, reason: str) -> None:
        """Note that something is wrong."""
        self.findings.append(Finding(self.file, self.spell(key), reason))

    def unknown(self, at: str, given: Iterable[str], known: Iterable[str]) -> None:
        """Note each given key that is not known."""
        names = list(known)
        for name in given:
            if name not in names:
                self.fault(join(at, name), f"unknown key{nearest(name, names)}")

    def fields(
        self,
        model: type[msgspec.Struct],
        table: Mapping[str, object],
        at: str,
        *,
        checks: Mapping[str, Check] | None = None,
    ) -> dict[str, Any]:
        """The fields of a table that are right, defaults included. Faults go to `findings`.

        Args:
            model: says which fields there are.
            table: as it stands in the file.
            at: path of the table.
            checks: further checks of single fields.

        Returns:
            Values by name; a field with a fault is missing.
        """
        known = {one.encode_name: one for one in msgspec.structs.fields(model)}
        self.unknown(at, table, known)
        values: dict[str, Any] = {}
        for key, one in known.items():
            if key in table:
                try:
                    values[one.name] = self._value(table[key], one.type, (checks or {}).get(key))
                except ValueError as error:
                    self.fault(join(at, key), str(error))
            elif one.required:
                self.fault(join(at, key), "is missing")
            else:
                values[one.name] = default_of(one)
        return values

    def _value(self, given: object, kind: Any, check: Check | None) -> Any:
        try:
            value = convert(given, kind, strict=self.strict)
        except ValueError as error:
            wanted = meaning(kind)
            raise ValueError(f"{error} ({wanted})" if wanted else str(error)) from None
        return value if check is None or value is None else check(value)


def join(at: str, key: str) -> str:
    """The path of a key in a table."""
    return f"{at}.{key}" if at else key


def default_of(one: msgspec.structs.FieldInfo) -> Any:
    """The default of a field that has one."""
    if one.default_factory is not msgspec.NODEFAULT:
        return one.default_factory()
    return one.default


def meaning(kind: Any) -> str:
    """The description in a type's `msgspec.Meta`; empty when there is none."""
    for note in getattr(kind, "__metadata__", ()):
        if isinstance(note, msgspec.Meta) and note.description:
            return note.description
    return ""


def _decode(kind: type, value: object) -> object:
    if kind in (Secret, Path) and isinstance(value, str):
        return kind(value)
    raise TypeError("Expected `str`")


def _reworded(text: str, kind: Any) -> str:
    """msgspec's text for people: of choices it repeats the value, of patterns it shows the code."""
    what, _, where = text.partition(" - at `$")
    if "enum" in what:
        what = "is one of " + ", ".join(str(choice) for choice in _choices(kind))
    elif "regex" in what:
        what = "not of the right form"
    index = where.partition("]")[0]
    return (f"{index}] " if index.startswith("[") else "") + what[:1].lower() + what[1:]


def _choices(kind: Any) -> Iterator[object]:
    """What the `Literal`s in a type allow."""
    for part in get_args(kind):
        if get_origin(kind) is Literal:
            yield part
        else:
            yield from _choices(part)
