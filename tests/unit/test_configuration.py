"""Reading the settings: file, environment, and everything that can be wrong with them."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapter.configuration import SettingsInvalid, load
from adapter.core.masked import Secret
from adapter.settings import Settings


def write(folder: Path, text: str, name: str = "s.toml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def faults(config: Path | None, environ: dict[str, str] | None = None) -> list[str]:
    with pytest.raises(SettingsInvalid) as invalid:
        load(config, environ or {})
    return [f"{finding.key}: {finding.reason}" for finding in invalid.value.findings]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_nothing_given_is_the_defaults() -> None:
    """No file and no environment: the defaults."""
    assert load(None, {"PATH": "/bin"}) == Settings()


def test_which_file_is_read(tmp_path: Path) -> None:
    """The one that is named, else that of the environment, else ari-voice.toml where we are."""
    write(tmp_path, 'cell = "0003"', "ari-voice.toml")
    second = write(tmp_path, 'cell = "0002"', "second.toml")
    first = write(tmp_path, 'cell = "00a1"', "first.toml")
    environ = {"ARI_VOICE_CONFIG": str(second)}
    assert load(first, environ).cell == "00a1"
    assert load(None, environ).cell == "0002"
    assert load(None, {}).cell == "0003"


def test_the_environment_goes_before_the_file(tmp_path: Path) -> None:
    """Also where the file's value is wrong; types and lists are read from text."""
    config = write(
        tmp_path, '[http]\nport = "wrong"\nhost = "::1"\n[webhooks]\nallow = ["10.0.0.0/8"]'
    )
    settings = load(
        config,
        {
            "ARI_VOICE_HTTP__PORT": "99",
            "ARI_VOICE_WEBHOOKS__ALLOW": "127.0.0.1, app.internal:80",
            "ARI_VOICE_WEBHOOKS__RETRY": "1,2.5",
            "ARI_VOICE_WEBHOOKS__TIMEOUT": "",
        },
    )
    assert (settings.http.port, settings.http.host) == (99, "::1")
    assert settings.webhooks.allow == ("127.0.0.1", "app.internal:80")
    assert settings.webhooks.retry == (1.0, 2.5)
    assert settings.webhooks.timeout == 10.0
    assert load(
        config, {"ARI_VOICE_HTTP__PORT": "1", "ARI_VOICE_WEBHOOKS__ALLOW": ""}
    ).webhooks == (Settings().webhooks)


def test_paths_are_relative_to_where_they_are_written(tmp_path: Path) -> None:
    """In the file to its folder, in the environment to the current one."""
    folder = tmp_path / "etc"
    folder.mkdir()
    config = write(folder, '[database]\npath = "a.db"\n[media]\nfolder = "/srv/media"')
    settings = load(config, {"ARI_VOICE_HTTP__TLS_CERT": "c.pem", "ARI_VOICE_HTTP__TLS_KEY": "k"})
    assert settings.database.path == folder / "a.db"
    assert settings.media.folder == Path("/srv/media")
    assert settings.http.tls_cert == Path("c.pem")


def test_the_password_may_stand_in_a_file(tmp_path: Path) -> None:
    """Its first line, without white space around it; not both; a missing file is a fault."""
    write(tmp_path, " hush \nmore\n", "secret")
    config = write(tmp_path, '[asterisk]\npassword_file = "secret"')
    assert load(config, {}).asterisk.password == Secret("hush")
    environ = {"ARI_VOICE_ASTERISK__PASSWORD": "p"}
    assert faults(config, environ) == ["asterisk.password_file: asterisk.password is given as well"]
    (tmp_path / "secret").unlink()
    assert faults(config) == ["asterisk.password_file: can't be read: No such file or directory"]


def test_password_of_ami_from_a_file(tmp_path: Path) -> None:
    """AMI may have an account of its own, told in the same ways; it is ARI's when nothing is."""
    (tmp_path / "secret").write_text("of-ami\n")
    config = write(
        tmp_path, '[asterisk]\npassword = "of-ari"\nami_password_file = "secret"\nami_port = 5039'
    )
    asterisk = load(config, {}).asterisk
    assert (asterisk.password.reveal(), asterisk.ami_password.reveal()) == ("of-ari", "of-ami")
    environ = {"ARI_VOICE_ASTERISK__AMI_PASSWORD": "y"}
    assert faults(config, environ) == [
        "asterisk.ami_password_file: asterisk.ami_password is given as well"
    ]


@pytest.mark.parametrize(
    ("networks", "reason"),
    [("10.1.2.3/8", "[0] is not an address"), ("10.0.0.1, ::/0", "[1] would believe everybody")],
)
def test_trusted_proxies(networks: str, reason: str) -> None:
    """Addresses and networks, but not everybody."""
    given = {"ARI_VOICE_HTTP__TRUSTED_PROXIES": "10.0.0.0/8, ::1"}
    assert load(None, given).http.trusted_proxies == ("10.0.0.0/8", "::1")
    (fault,) = faults(None, {"ARI_VOICE_HTTP__TRUSTED_PROXIES": networks})
    assert fault.startswith(f"ARI_VOICE_HTTP__TRUSTED_PROXIES: {reason}")


def test_everything_wrong_is_said_at_once(tmp_path: Path) -> None:
    """Unknown keys with the nearest known one, bad values with the reason, wherever they stand."""
    config = write(
        tmp_path,
        'cel = "1"\nlog = 3\n[http]\nprot = 1\nport = 70000\ntls_cert = "x"\n'
        '[asterisk]\nurl = "ftp://x"\n[webhooks]\nallow = ["a b"]\nretry = [-1]\n'
        '[plugins]\ntts = ["espeak", "espeak"]\n[drain]\ntimeout = nan',
    )
    environ = {"ARI_VOICE_HTTP_PORT": "1", "ARI_VOICE_CELL": "xyz", "ARI_VOICE_LOG__LEVEL": "loud"}
    found = faults(config, environ)
    assert [line.partition(":")[0] for line in found] == [
        *("cel", "http.prot", "http.port", "http.tls_key", "asterisk.url", "webhooks.allow"),
        *("webhooks.retry", "plugins.tts", "log", "drain.timeout"),
        *("ARI_VOICE_CELL", "ARI_VOICE_LOG__LEVEL", "ARI_VOICE_HTTP_PORT"),
    ]
    assert found[0] == "cel: unknown key; did you mean 'cell'?"
    assert found[1] == "http.prot: unknown key; did you mean 'port'?"
    assert found[-2].startswith("ARI_VOICE_LOG__LEVEL: is one of debug, info, warning, error")
    assert found[-1] == "ARI_VOICE_HTTP_PORT: unknown setting; did you mean 'ARI_VOICE_HTTP__PORT'?"


def test_variables_of_our_tools_are_left_alone() -> None:
    """With our prefix, but neither two underscores nor a table's name in front."""
    assert load(None, {"ARI_VOICE_CACHE": "/c", "ARI_VOICE_ARI_PASSWORD": "p"}) == Settings()


def test_tables_of_plugins(tmp_path: Path) -> None:
    """A plug-in's table comes as it is, with the environment's keys; one not used is a slip."""
    config = write(tmp_path, '[plugins]\ntts = ["espeak"]\n[plugins.espeak]\ncommand = "e"')
    environ = {
        "ARI_VOICE_PLUGINS__ESPEAK__TIMEOUT": "2.5",
        "ARI_VOICE_PLUGINS__ESPEAK__CONCURRENCY": "3",
        "ARI_VOICE_PLUGINS__ESPEAK__LOUD": "true",
    }
    assert load(config, environ).plugins.settings == {
        "espeak": {"command": "e", "timeout": 2.5, "concurrency": 3, "loud": True}
    }
    slip = write(tmp_path, '[plugins.espaek]\ncommand = "e"')
    assert faults(slip) == [
        "plugins.espaek: no plug-in of this name is used; did you mean 'espeak'?"
    ]


@pytest.mark.parametrize("url", ["http://h:1/", "http://h:1/ari", "http://h:1/ari/", "http://h:1"])
def test_the_url_of_asterisk_with_and_without_ari(url: str) -> None:
    """All these are the same server."""
    assert load(None, {"ARI_VOICE_ASTERISK__URL": url}).asterisk.url == "http://h:1"


def test_credentials_in_the_url_are_refused_and_not_repeated() -> None:
    """A password in the URL would end up in log lines."""
    (fault,) = faults(None, {"ARI_VOICE_ASTERISK__URL": "http://u:hush@h"})
    assert "hush" not in fault


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    """A file that was named must be there; the finding names it."""
    with pytest.raises(SettingsInvalid, match=r"none\.toml: can't be read: No such file"):
        load(tmp_path / "none.toml", {})
    with pytest.raises(SettingsInvalid, match="not valid TOML"):
        load(write(tmp_path, "= 1"), {})
