"""`ari-voice apply` and `check`, as a user runs them: files, output, exit codes."""

from __future__ import annotations

import hashlib
import json
import wave
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from adapter.cli import main
from adapter.contracts.admin import keys
from adapter.core.tenants import App, StoredPrompt
from adapter.media import wav
from adapter.store.provisioning import ProvisioningStore
from adapter.store.sqlite import open_database
from tests.fakes import tokens

KEY = "hush-0123456789abcdef"
GOOD = f"""
[[app]]
id = "demo"
key = "{KEY}"
event_url = "http://127.0.0.1:9000/events"
allowed_destinations = ["*"]
[[trunk]]
name = "carrier"
uri = "sip:127.0.0.1:5080"
match = ["127.0.0.7"]
username = "user"
password = "hush-trunk"
[[number]]
number = "+46123"
app = "demo"
trunk = "carrier"
greeting = "welcome"
[[prompt]]
app = "demo"
name = "welcome"
file = "welcome.wav"
[[phone]]
extension = "0003*210"
password = "hush-phone"
"""


@dataclass(frozen=True)
class Place:
    """A folder with settings, a provisioning file and a prompt."""

    folder: Path

    @property
    def file(self) -> Path:
        return self.folder / "p.toml"

    def run(self, *arguments: str) -> Result:
        config = str(self.folder / "s.toml")
        return CliRunner().invoke(main, ["--config", config, *arguments], catch_exceptions=False)

    def apply(self, *more: str) -> Result:
        return self.run("apply", str(self.file), *more)

    def check(self, *more: str) -> Result:
        return self.run("check", str(self.file), *more)

    def everything(self) -> dict[str, tuple[int, bytes]]:
        """Every file with its time and content."""
        return {
            str(path): (path.stat().st_mtime_ns, path.read_bytes())
            for path in self.folder.rglob("*")
            if path.is_file()
        }

    def app(self) -> App | None:
        """The app, as the server would read it."""
        with closing(open_database(self.folder / "var" / "x.db")) as connection:
            return ProvisioningStore(connection).app("demo")

    def prompt(self) -> StoredPrompt:
        """The app's prompt, likewise."""
        with closing(open_database(self.folder / "var" / "x.db")) as connection:
            prompt = ProvisioningStore(connection).prompt("demo", "welcome")
        assert prompt is not None
        return prompt


@pytest.fixture
def place(tmp_path: Path) -> Place:
    (tmp_path / "s.toml").write_text(
        '[database]\npath = "var/x.db"\n[media]\nfolder = "media"\n'
        '[webhooks]\nallow = ["127.0.0.1"]\n'
    )
    (tmp_path / "p.toml").write_text(GOOD)
    with wave.open(str(tmp_path / "welcome.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16000)
        file.writeframes(bytes(3200))
    return Place(tmp_path)


def test_apply_writes_and_says_what(place: Place) -> None:
    """Everything is created; the prompt is there as Asterisk plays it; a second time, nothing."""
    first = place.apply()
    assert first.exit_code == 0
    assert first.stdout.splitlines() == [
        "created   app demo",
        "created   trunk carrier",
        "created   prompt demo/welcome",
        "created   number 46123",
        "created   phone 0003*210",
        f"{place.file}: 5 created",
    ]
    prompt = place.prompt()
    assert wav.seconds_of(place.folder / "media" / prompt.path) == pytest.approx(0.1)
    assert prompt.sha256 == hashlib.sha256((place.folder / "welcome.wav").read_bytes()).hexdigest()
    before = place.app()
    assert place.apply().stdout.splitlines()[-1] == f"{place.file}: 5 unchanged"
    assert place.app() == before
    assert before is not None
    assert before.key_matches(KEY)
    assert before.webhook_secret.startswith("whsec_")


def test_apply_as_json(place: Place) -> None:
    """One object with each change and the generation, which only a change counts up."""
    assert json.loads(place.apply("--json").stdout)["generation"] == 1
    place.file.write_text(GOOD.replace("[[number]]", "[[number]]\naccept_timeout = 5"))
    body = json.loads(place.apply("--json").stdout)
    assert body["generation"] == 2
    assert body["valid"] is True
    assert [change for change in body["changes"] if change["change"] != "unchanged"] == [
        {"kind": "number", "name": "46123", "change": "updated", "keys": ["accept_timeout"]}
    ]
    assert json.loads(place.apply("--json").stdout)["generation"] == 2


def test_no_output_has_a_secret(place: Place) -> None:
    """Keys and passwords are in no output, valid or not."""
    outputs = [place.check(), place.apply(), place.apply("--json")]
    place.file.write_text(GOOD.replace('"hush-phone"', '"hush"').replace("hush-0123", "hush 0123"))
    outputs += [place.apply(), place.apply("--json")]
    assert [one.exit_code for one in outputs] == [0, 0, 0, 1, 1]
    assert "hush" not in "".join(one.output for one in outputs)


def test_apply_writes_nothing_when_one_thing_is_wrong(place: Place) -> None:
    """All or nothing: each fault is named, the database and the media folder stay as they were."""
    place.file.write_text(GOOD + '[[number]]\nnumber = "1"\napp = "nobody"\n[[phone]]\n')
    result = place.apply()
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.splitlines() == [
        f"{place.file}: phone[1].extension: is missing",
        f"{place.file}: phone[1].password: is missing",
        f"{place.file}: number[1].app: no app 'nobody' in this file or in the database",
        f"{place.file}: 3 errors",
    ]
    assert place.app() is None
    assert not (place.folder / "media").exists()


def test_check_touches_nothing(place: Place) -> None:
    """Without a database none is made; with one, no file changes, not even SQLite's own."""
    before = place.everything()
    result = place.check()
    assert (result.exit_code, result.stdout) == (
        0,
        f"{place.file}: valid (1 app, 1 trunk, 1 number, 1 prompt, 1 phone)\n",
    )
    assert place.everything() == before
    place.apply()
    before = place.everything()
    assert place.check().exit_code == 0
    assert place.everything() == before


def test_check_while_the_server_runs(place: Place) -> None:
    """What is only in the server's write-ahead log is known too."""
    place.apply()
    connection = open_database(place.folder / "var" / "x.db")
    connection.execute("INSERT INTO trunk (name, uri) VALUES ('fresh', 'sip:a')")
    place.file.write_text('[[number]]\nnumber = "1"\napp = "demo"\ntrunk = "fresh"')
    result = place.check()
    connection.close()
    assert (result.exit_code, result.output) == (0, f"{place.file}: valid (1 number)\n")


def test_check_as_json(place: Place) -> None:
    """Valid: what is declared. Invalid: file, key and reason of each finding."""
    assert json.loads(place.check("--json").stdout) == {
        "file": str(place.file),
        "valid": True,
        "findings": [],
        "declared": dict.fromkeys(("app", "trunk", "number", "prompt", "phone"), 1),
    }
    place.file.write_text('[[apps]]\nid = "x"')
    result = place.check("--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout) == {
        "file": str(place.file),
        "valid": False,
        "findings": [
            {
                "file": str(place.file),
                "key": "apps",
                "reason": "unknown key; did you mean 'app'?",
            }
        ],
    }


@pytest.mark.parametrize("command", ["apply", "check"])
def test_what_other_parts_know_is_asked(place: Place, command: str) -> None:
    """An address that is not allowed, a weak secret, and a prompt that is no WAV are findings."""
    (place.folder / "welcome.wav").write_bytes(b"RIFF")
    text = GOOD.replace("127.0.0.1:9000", "127.0.0.2:9000")
    place.file.write_text(text.replace("[[app]]", '[[app]]\nwebhook_secret = "whsec_AA"'))
    result = place.run(command, str(place.file))
    assert result.exit_code == 1
    keys = [line.split(": ")[1] for line in result.stderr.splitlines()[:-1]]
    assert keys == ["app[0].event_url", "app[0].webhook_secret", "prompt[0].file"]


@pytest.mark.parametrize("command", ["apply", "check"])
def test_what_can_not_be_done_is_2(place: Place, command: str) -> None:
    """No file, no argument, wrong settings, a database that is none: 2, and one clear line."""
    assert place.run(command).exit_code == 2
    missing = place.run(command, "none.toml")
    assert (missing.exit_code, missing.stderr) == (
        2,
        "ari-voice: none.toml: No such file or directory\n",
    )
    (place.folder / "var").mkdir(exist_ok=True)
    database = place.folder / "var" / "x.db"
    database.write_bytes(b"this is not a database" * 100)
    broken = place.run(command, str(place.file))
    said = f"ari-voice: database: {database}: file is not a database\n"
    assert (broken.exit_code, broken.stderr) == (2, said)
    (place.folder / "s.toml").write_text("[databse]")
    wrong = place.run(command, str(place.file))
    assert wrong.exit_code == 2
    assert "databse: unknown key; did you mean 'database'?" in wrong.stderr


def test_a_replaced_prompt_leaves_the_old_file(place: Place) -> None:
    """A call may be hearing it: the new content is another file."""
    place.apply()
    old = place.prompt()
    with wave.open(str(place.folder / "welcome.wav"), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(bytes(1600) + b"\x01\x00")
    assert "updated   prompt demo/welcome (file)" in place.apply().stdout
    new = place.prompt()
    assert old.path != new.path
    assert (place.folder / "media" / old.path).exists()


DOMAIN = """
[[domain]]
name = "ivr.example"
callback_url = "http://127.0.0.1:9000/ivr"
api_public_key_file = "application.pem"
api_user = "api"
api_password = "hush-fedcba9876543210"
[[number]]
number = "+46124"
domain = "ivr.example"
"""


def test_a_domain_and_its_keys(place: Place) -> None:
    """Made once: `domain-key` prints the public part, `secret` the webhook secret; they stay."""
    (place.folder / "application.pem").write_text(tokens.public_pem("application"))
    place.file.write_text(DOMAIN)
    first = place.apply()
    assert first.stdout.splitlines() == [
        "created   domain ivr.example",
        "created   number 46124",
        f"{place.file}: 2 created",
    ]
    key, secret = place.run("domain-key", "ivr.example"), place.run("secret", "ivr.example")
    assert keys.public_key(key.stdout) == key.stdout
    assert secret.stdout.startswith("whsec_")
    assert "PRIVATE" not in key.output + first.output
    assert "hush" not in key.output + first.output
    place.file.write_text(DOMAIN.replace("9000/ivr", "9000/new"))
    assert place.apply().stdout.splitlines() == [
        "updated   domain ivr.example (callback_url)",
        "unchanged number 46124",
        f"{place.file}: 1 unchanged, 1 updated",
    ]
    assert place.run("domain-key", "ivr.example").stdout == key.stdout
    assert place.run("secret", "ivr.example").stdout == secret.stdout


@pytest.mark.parametrize("command", ["domain-key", "secret"])
def test_keys_of_nobody(place: Place, command: str) -> None:
    """1, and one line that says so; an app has no key of this kind."""
    place.apply()
    nobody = place.run(command, "nobody")
    assert (nobody.exit_code, nobody.stdout) == (1, "")
    assert "nobody" in nobody.stderr
    assert place.run("domain-key", "demo").exit_code == 1
