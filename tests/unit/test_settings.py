"""Settings: what they mean is written down once, and never shows a secret."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from adapter.core.masked import Secret
from adapter.outbox.retry import Schedule
from adapter.settings import Asterisk, Plugins, Settings, described, variable_of

DOCS = Path(__file__).parents[2] / "docs" / "settings.md"


def test_the_documentation_has_every_setting_as_it_is() -> None:
    """Each row of the table in docs/settings.md is a setting, with default and meaning."""
    rows = re.findall(r"^\| `(.+?)` \| `(.+?)` \| (.*?) \| (.*?) \|$", DOCS.read_text(), re.M)
    expected = [
        (one.key, one.variable, f"`{one.default}`" if one.default else "", one.meaning)
        for one in described()
    ]
    assert rows == expected


def test_every_setting_says_what_it_means() -> None:
    """No setting without a meaning."""
    assert [one.key for one in described() if not one.meaning] == []


def test_nothing_shows_a_secret() -> None:
    """Neither the password nor a plug-in's settings are in the text of the settings."""
    settings = Settings(
        asterisk=Asterisk(password=Secret("hush-hush")),
        plugins=Plugins(settings={"espeak": {"key": "hush-hush"}}),
    )
    assert "hush" not in repr(settings)
    assert "hush" not in str(settings)


def test_settings_do_not_change() -> None:
    """They are read once: nobody can change one for the others."""
    with pytest.raises(AttributeError):
        Settings().http.port = 1  # type: ignore[misc]


def test_the_default_retry_is_that_of_the_outbox() -> None:
    """One schedule, whether it comes from the settings or not."""
    assert Settings().webhooks.retry == Schedule().delays


def test_names_of_variables() -> None:
    """Two underscores stand for the dot."""
    assert variable_of("http.tls_cert") == "ARI_VOICE_HTTP__TLS_CERT"
    assert variable_of("cell") == "ARI_VOICE_CELL"
