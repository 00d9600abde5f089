"""Tables read into models: every fault is found, and none repeats a value."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import pytest
from msgspec import Meta, Struct

from adapter.core.masked import Secret
from adapter.tables import Finding, Reader, TomlInvalid, convert, nearest, read_toml


class Model(Struct):
    name: Annotated[str, Meta(pattern=r"^[a-z]+\Z", description="lower case")]
    size: Annotated[int, Meta(ge=1, le=9)] = 3
    kind: Literal["a", "b"] = "a"
    key: Secret | None = None
    hosts: tuple[str, ...] = ()


def faults(table: dict[str, object], **more: object) -> list[str]:
    reader = Reader("f.toml")
    reader.fields(Model, table, "at", **more)  # type: ignore[arg-type]
    return [f"{finding.key}: {finding.reason}" for finding in reader.findings]


def test_fields_have_types_and_defaults() -> None:
    """What is right comes back with its type; what is not given, with its default."""
    reader = Reader("f.toml")
    values = reader.fields(Model, {"name": "x", "key": "s", "hosts": ["a"]}, "")
    assert values == {"name": "x", "size": 3, "kind": "a", "key": Secret("s"), "hosts": ("a",)}
    assert reader.findings == []


def test_all_faults_are_found_at_once() -> None:
    """Each field has its own finding, in the words of people, with its path."""
    table = {"name": "X\n", "size": 10, "kind": "hush", "key": 5, "hosts": ["a", 2], "sise": 1}
    assert faults(table) == [
        "at.sise: unknown key; did you mean 'size'?",
        "at.name: not of the right form (lower case)",
        "at.size: expected `int` <= 9",
        "at.kind: is one of a, b",
        "at.key: expected `str`",
        "at.hosts: [1] expected `str`, got `int`",
    ]
    assert faults({}) == ["at.name: is missing"]


def test_the_reason_of_a_check_is_a_finding() -> None:
    """What a check says against a field is found beside the faults of others."""

    def short(value: str) -> str:
        raise ValueError("too long")

    table: dict[str, object] = {"name": "x", "size": 10}
    assert faults(table, checks={"name": short}) == [
        "at.name: too long",
        "at.size: expected `int` <= 9",
    ]


def test_text_is_converted_only_when_not_strict() -> None:
    """From the environment "8" is a number; from a file it is not."""
    assert convert("8", int, strict=False) == 8
    with pytest.raises(ValueError, match="expected `int`"):
        convert("8", int)


def test_a_file_that_is_no_toml(tmp_path: Path) -> None:
    """The finding names the file and the line, and no more of its content than one character."""
    path = tmp_path / "f.toml"
    path.write_text('ok = 1\nkey = "secret" "secret"\n')
    with pytest.raises(TomlInvalid) as invalid:
        read_toml(path)
    assert "line 2" in invalid.value.finding.reason
    assert "secret" not in str(invalid.value)
    path.write_bytes(b"\xff")
    with pytest.raises(TomlInvalid, match="UTF-8"):
        read_toml(path)


def test_findings_and_hints_as_text() -> None:
    """A finding of the whole file has no key; a hint only when a name is near."""
    assert str(Finding("f", "a.b", "bad")) == "f: a.b: bad"
    assert str(Finding("f", "", "bad")) == "f: bad"
    assert nearest("prot", ["port", "host"]) == "; did you mean 'port'?"
    assert nearest("zzz", ["port", "host"]) == ""
