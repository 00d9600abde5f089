"""Provisioning files: what they can declare, and everything that can be wrong with them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from adapter.contracts.admin.known import Checks, NothingKnown
from adapter.contracts.admin.models import MODELS
from adapter.contracts.admin.parse import Parsed, ProvisioningInvalid, parse
from adapter.core.tenants import (
    Declaration,
    DeclaredApp,
    DeclaredDomain,
    Number,
    Phone,
    StoredPrompt,
    Trunk,
)
from tests.fakes import tokens

KEY = "0123456789abcdef"
APP = f'[[app]]\nid = "demo"\nkey = "{KEY}"\n'
EVERYTHING = f"""
[[app]]
id = "demo"
key = "{KEY}"
event_url = "http://app.example/events"
webhook_encryption = true
webhook_encryption_format = "hex"
webhook_secret = "whsec_hush"
allowed_destinations = ["+46", "!+46900", "sip:*.example.com"]

[[domain]]
name = "one.example"
callback_url = "http://app.example/one"
fallback_url = "http://app.example/two"
alarm_url = "http://app.example/alarms"
api_public_key = '''{tokens.public_pem("theirs")}'''
api_user = "api"
api_password = "fedcba9876543210"
signing_key = '''{tokens.private_pem("ours")}'''
webhook_secret = "whsec_hush"
voices = {{ Joanna = "en-US/female", "sv-SE-Wavenet-A" = "sv/Anna" }}
max_session = 600
allowed_destinations = ["+46"]
trunk = "carrier"

[[trunk]]
name = "carrier"
uri = "SIP:Carrier.Example;transport=TLS"
username = "u"
password = "p"
register = true
match = ["192.0.2.0/24", "198.51.100.7"]
caller_id_header = "p-asserted-identity"
srtp = true

[[number]]
number = "+46123"
app = "demo"
event_url = "http://app.example/number"
trunk = "carrier"
service = "voice"
inbound = true
outbound = false
greeting = "welcome"
outbound_greeting = "default"
voicemail_detection = false
accept_timeout = 12

[[number]]
number = "+46124"
domain = "one.example"
service = "ivr"

[[prompt]]
app = "demo"
name = "welcome"
file = "audio/welcome.wav"

[[phone]]
extension = "0003*210"
password = "long-enough"
name = "Åsa"
recording = true
srtp = true
"""


def refusing(word: str) -> Callable[[object], None]:
    def check(value: object) -> None:
        if word in str(value):
            raise ValueError(f"has {word}")

    return check


CHECKS = Checks(url=refusing("loopback"), secret=refusing("weak"), prompt=refusing("noise"))


def read(folder: Path, text: str, known: NothingKnown | None = None) -> Parsed:
    path = folder / "p.toml"
    path.write_text(text)
    return parse(path, known or NothingKnown(), CHECKS)


def faults(folder: Path, text: str, known: NothingKnown | None = None) -> list[str]:
    with pytest.raises(ProvisioningInvalid) as invalid:
        read(folder, text, known)
    assert {finding.file for finding in invalid.value.findings} == {str(folder / "p.toml")}
    return [f"{finding.key}: {finding.reason}" for finding in invalid.value.findings]


def stored(path: Path) -> tuple[str, str]:
    return f"prompts/{path.name}", "5a5a"


def test_everything_that_can_be_declared(tmp_path: Path) -> None:
    """Each key of each table arrives in the declaration, in its canonical form."""
    assert read(tmp_path, EVERYTHING).declaration(stored) == Declaration(
        apps=(
            DeclaredApp(
                id="demo",
                key=KEY,
                event_url="http://app.example/events",
                webhook_encryption="aes-128-cbc",
                webhook_encryption_format="hex",
                webhook_secret="whsec_hush",
                allowed_destinations=("+46", "!+46900", "sip:*.example.com"),
            ),
        ),
        domains=(
            DeclaredDomain(
                name="one.example",
                callback_url="http://app.example/one",
                fallback_url="http://app.example/two",
                alarm_url="http://app.example/alarms",
                api_public_key=tokens.public_pem("theirs"),
                api_user="api",
                api_password="fedcba9876543210",
                signing_key=tokens.private_pem("ours"),
                webhook_secret="whsec_hush",
                voices={"Joanna": "en-US/female", "sv-SE-Wavenet-A": "sv/Anna"},
                max_session=600.0,
                allowed_destinations=("+46",),
                trunk="carrier",
            ),
        ),
        trunks=(
            Trunk(
                name="carrier",
                uri="sip:carrier.example;transport=tls",
                username="u",
                password="p",
                register=True,
                match=("192.0.2.0/24", "198.51.100.7"),
                caller_id_header="p-asserted-identity",
                srtp=True,
            ),
        ),
        numbers=(
            Number(
                number="46123",
                app="demo",
                event_url="http://app.example/number",
                trunk="carrier",
                inbound=True,
                outbound=False,
                greeting="welcome",
                outbound_greeting="default",
                accept_timeout=12.0,
            ),
            Number(
                number="46124",
                app="",
                domain="one.example",
                service="ivr",
                event_url=None,
                trunk=None,
                inbound=True,
                outbound=True,
                greeting=None,
                outbound_greeting=None,
                accept_timeout=30.0,
            ),
        ),
        prompts=(
            StoredPrompt(app="demo", name="welcome", path="prompts/welcome.wav", sha256="5a5a"),
        ),
        phones=(
            Phone(
                extension="0003*210",
                password="long-enough",
                name="Åsa",
                recording=True,
                srtp=True,
            ),
        ),
    )


def test_what_is_left_out_has_a_default(tmp_path: Path) -> None:
    """The shortest tables: plain webhooks, nowhere to call, both directions, rings 30 s."""
    declared = read(
        tmp_path,
        APP + '[[number]]\nnumber = "46"\napp = "demo"\n[[trunk]]\nname = "t"\nuri = "sip:a"\n',
    ).declaration(stored)
    (app,), (number,), (trunk,) = declared.apps, declared.numbers, declared.trunks
    assert (app.webhook_encryption, app.webhook_secret, app.allowed_destinations) == (
        None,
        None,
        (),
    )
    assert (number.inbound, number.outbound, number.accept_timeout) == (True, True, 30.0)
    assert (number.trunk, number.greeting, number.outbound_greeting) == (None, None, None)
    assert (trunk.register, trunk.match, trunk.caller_id_header) == (False, (), "from")
    assert not trunk.srtp
    assert read(tmp_path, "").declaration(stored) == Declaration()


@pytest.mark.parametrize("kind", MODELS)
def test_every_table_is_strict(tmp_path: Path, kind: str) -> None:
    """A key that is not known is an error in each kind of table."""
    assert f"{kind}[0].colour: unknown key" in faults(tmp_path, f'[[{kind}]]\ncolour = "red"')
    assert faults(tmp_path, f"[{kind}]") == [f"{kind}: is written [[{kind}]], with two brackets"]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("[[apps]]", "apps: unknown key; did you mean 'app'?"),
        ('[[app]]\nid = "a:b"\nkey = "' + KEY + '"', "app[0].id: not of the right form"),
        ('[[app]]\nid = "a"', "app[0].key: is missing"),
        ('[[app]]\nid = "a"\nkey = "short"', "app[0].key: a key has 16 to 256"),
        ('[[app]]\nid = "a"\nkey = "0101010101010101"', "app[0].key: a key has at least 6"),
        (APP + 'event_url = "loopback"', "app[0].event_url: has loopback"),
        (APP + 'webhook_secret = "weak"', "app[0].webhook_secret: has weak"),
        (APP + 'webhook_encryption = "rc4"', "app[0].webhook_encryption: is one of aes-128-cbc"),
        (APP + 'allowed_destinations = ["+46", "x"]', "app[0].allowed_destinations: [1] 'x' is"),
        (APP + "max_concurrent_calls = 0", "app[0].max_concurrent_calls: expected `int` >= 1"),
        (APP + "max_concurrent_calls = 1.5", "app[0].max_concurrent_calls: expected `int | null`"),
        (APP + "calls_per_second = 0", "app[0].calls_per_second: expected `float` > 0"),
        (APP + "calls_per_second = inf", "app[0].calls_per_second: expected `float` <= 10000"),
        (APP + APP, "app[1].id: is declared already by app[0]"),
        ('[[trunk]]\nname = "T"\nuri = "sip:a"', "trunk[0].name: not of the right form"),
        ('[[trunk]]\nname = "t"\nuri = "sip:bob@a"', "trunk[0].uri: names a user"),
        ('[[trunk]]\nname = "t"\nuri = "sip:a"\nusername = "u"', "trunk[0].password: username and"),
        ('[[trunk]]\nname = "t"\nuri = "sip:a"\nregister = true', "trunk[0].register: needs"),
        ('[[trunk]]\nname = "t"\nuri = "sip:a"\nmatch = ["a.b"]', "trunk[0].match: [0] is not an"),
        ('[[trunk]]\nname = "t"\nuri = "sip:a"\nmatch = ["::/0"]', "trunk[0].match: [0] would"),
        (APP + '[[number]]\nnumber = "4 6"\napp = "demo"', "number[0].number: not of the right"),
        (APP + '[[number]]\nnumber = 46\napp = "demo"', "number[0].number: expected `str`"),
        (APP + '[[number]]\nnumber = "46"\napp = "demo"\nservice = "video"',
         "number[0].service: 'video' is not available yet"),
        (APP + '[[number]]\nnumber = "46"\napp = "demo"\nvoicemail_detection = "yes"',
         "number[0].voicemail_detection: expected `bool`"),
        (APP + '[[number]]\nnumber = "46"\napp = "demo"\naccept_timeout = 121',
         "number[0].accept_timeout: expected `float` <= 120.0"),
        (APP + ('[[number]]\nnumber = "46"\napp = "demo"\n' * 2).replace('"46"', '"+46"', 1),
         "number[1].number: is declared already by number[0]"),
        ('[[number]]\nnumber = "46"\napp = "nobody"',
         "number[0].app: no app 'nobody' in this file or in the database"),
        (APP + '[[number]]\nnumber = "46"\napp = "demo"\ntrunk = "no"',
         "number[0].trunk: no trunk 'no' in this file"),
        (APP + '[[number]]\nnumber = "46"\napp = "demo"\ngreeting = "no"',
         "number[0].greeting: app 'demo' has no prompt 'no'"),
        (APP + '[[prompt]]\napp = "demo"\nname = "default"\nfile = "a.wav"',
         "prompt[0].name: 'default' is the prompt that is shipped"),
        (APP + '[[prompt]]\napp = "demo"\nname = "x"\nfile = "noise"', "prompt[0].file: has noise"),
        ('[[prompt]]\napp = "no"\nname = "x"\nfile = "a"', "prompt[0].app: no app 'no'"),
        ('[[phone]]\nextension = "bob"\npassword = "long-enough"', "phone[0].extension: not of"),
        ('[[phone]]\nextension = "1"\npassword = "short"', "phone[0].password: a password has 8"),
        ('[[phone]]\nextension = "1"\npassword = "long-enough"\nname = "A<B"', "phone[0].name: up"),
    ],
)  # fmt: skip
def test_each_thing_that_is_refused(tmp_path: Path, text: str, fault: str) -> None:
    """One fault, one finding, with the path of the key and the reason."""
    (found,) = [line for line in faults(tmp_path, text) if line.startswith(fault)] or [""]
    assert found, faults(tmp_path, text)


def test_everything_wrong_is_said_at_once(tmp_path: Path) -> None:
    """Faults of fields do not hide those between tables, nor make up others."""
    text = (
        '[[app]]\nid = "demo"\nkey = "short"\n[[trunk]]\nname = "t"\nuri = "?"\n'
        '[[number]]\nnumber = "46"\napp = "demo"\ntrunk = "t"\ngreeting = "no"\naccept_timeout = 0'
    )
    assert [line.partition(":")[0] for line in faults(tmp_path, text)] == [
        *("app[0].key", "trunk[0].uri", "number[0].accept_timeout", "number[0].greeting"),
    ]


def test_no_finding_repeats_a_secret(tmp_path: Path) -> None:
    """Keys, passwords and webhook secrets stay out of the words, wrong as they may be."""
    text = (
        '[[app]]\nid = "a"\nkey = "hush hush hush hush"\nwebhook_secret = "weak-hush"\n'
        '[[trunk]]\nname = "t"\nuri = "sip:a"\nusername = "u"\npassword = "hush\\n"\n'
        '[[phone]]\nextension = "1"\npassword = "hush"\n'
    )
    found = faults(tmp_path, text)
    assert len(found) == 4
    assert "hush" not in "".join(found)


class Stored(NothingKnown):
    """A database with one trunk, and one app that has one prompt."""

    def app(self, app_id: str) -> None:
        return object() if app_id == "old" else None  # type: ignore[return-value]

    def trunk(self, name: str) -> Trunk | None:
        return next((one for one in self.trunks() if one.name == name), None)

    def trunks(self) -> list[Trunk]:
        return [
            Trunk(
                name="old",
                uri="sip:a",
                username=None,
                password=None,
                register=False,
                match=("192.0.2.0/24",),
                caller_id_header="from",
            )
        ]

    def prompt(self, app: str, name: str) -> StoredPrompt | None:
        return StoredPrompt(app=app, name=name, path="p", sha256="s") if name == "old" else None


def test_references_may_go_to_what_is_stored(tmp_path: Path) -> None:
    """A number may name an app, trunk and prompt that an earlier file declared."""
    text = '[[number]]\nnumber = "46"\napp = "old"\ntrunk = "old"\ngreeting = "{}"'
    read(tmp_path, text.format("old"), Stored())
    assert faults(tmp_path, text.format("new"), Stored()) == [
        "number[0].greeting: app 'old' has no prompt 'new', here or stored"
    ]


def test_two_trunks_of_one_address_are_refused(tmp_path: Path) -> None:
    """Asterisk could not tell their calls apart; a trunk declared anew does not meet itself."""
    trunk = '[[trunk]]\nname = "{}"\nuri = "sip:a"\nmatch = ["{}"]\n'
    text = trunk.format("a", "10.0.0.0/8") + trunk.format("b", "10.1.2.3")
    assert faults(tmp_path, text) == ["trunk[1].match: 10.1.2.3/32 belongs to trunk[0]"]
    assert faults(tmp_path, trunk.format("new", "192.0.2.9"), Stored()) == [
        "trunk[0].match: 192.0.2.9/32 belongs to trunk 'old'"
    ]
    read(tmp_path, trunk.format("old", "192.0.2.9"), Stored())
    read(tmp_path, trunk.format("a", "10.0.0.1") + trunk.format("b", "2001:db8::1"))


@pytest.mark.parametrize("transport", ["", ";transport=udp", ";transport=tcp"])
def test_srtp_needs_tls(tmp_path: Path, transport: str) -> None:
    """Keys of the audio that everybody can read on the way would protect nothing."""
    trunk = '[[trunk]]\nname = "t"\nuri = "sip:a{}"\nsrtp = true\n'
    assert faults(tmp_path, trunk.format(transport)) == [
        "trunk[0].srtp: needs ;transport=tls in uri: the keys of the audio stand in the signalling"
    ]
    read(tmp_path, trunk.format(";transport=TLS"))


def test_files_of_prompts_are_beside_the_file(tmp_path: Path) -> None:
    """A relative path is relative to the TOML file; one that can't be stored is a finding."""
    seen: list[Path] = []

    def keep(path: Path) -> tuple[str, str]:
        seen.append(path)
        raise OSError("disk full")

    parsed = read(tmp_path, APP + '[[prompt]]\napp = "demo"\nname = "x"\nfile = "a/b.wav"')
    with pytest.raises(ProvisioningInvalid, match=r"prompt\[0\]\.file: can't be stored: disk full"):
        parsed.declaration(keep)
    assert seen == [tmp_path / "a" / "b.wav"]
