"""The token of the admin API: in the settings, in a file, long enough, never shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapter.configuration import SettingsInvalid, load

TOKEN = "a-token-of-24-characters"


def read(folder: Path, text: str) -> str:
    """The token that a settings file has."""
    (folder / "s.toml").write_text(text)
    settings = load(folder / "s.toml", {})
    assert TOKEN not in repr(settings)
    return settings.admin.token.reveal()


def test_where_it_may_stand(tmp_path: Path) -> None:
    """In the table, in a file's first line, in the environment; without any it is empty."""
    (tmp_path / "token").write_text(f"{TOKEN}\nmore\n")
    assert read(tmp_path, "") == ""
    assert read(tmp_path, f'[admin]\ntoken = "{TOKEN}"') == TOKEN
    assert read(tmp_path, '[admin]\ntoken_file = "token"') == TOKEN
    (tmp_path / "s.toml").write_text("")
    found = load(tmp_path / "s.toml", {"ARI_VOICE_ADMIN__TOKEN": TOKEN})
    assert found.admin.token.reveal() == TOKEN


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('token = "hush-too-short"', "admin.token: a token has 24 to 256"),
        ('token = "hush with spaces in the middle"', "admin.token: a token has 24 to 256"),
        ('token_file = "short"', "admin.token_file: a token has 24 to 256"),
        ('token_file = "empty"', "admin.token_file: a token has 24 to 256"),
        ('token_file = "missing"', "admin.token_file: can't be read"),
        (f'token = "{TOKEN}"\ntoken_file = "short"', "admin.token_file: admin.token is given"),
    ],
)
def test_what_is_wrong_with_it(tmp_path: Path, text: str, words: str) -> None:
    """The server does not start with a token that can be guessed, and repeats none."""
    (tmp_path / "short").write_text("hush-short\n")
    (tmp_path / "empty").write_text("")
    with pytest.raises(SettingsInvalid, match=words) as invalid:
        read(tmp_path, f"[admin]\n{text}")
    assert "hush" not in str(invalid.value)
