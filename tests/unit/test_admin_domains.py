"""Provisioning of domains: keys, defaults, whose a number is, and everything that can be wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from adapter.contracts.admin import keys
from adapter.contracts.admin.known import NothingKnown
from adapter.core.tenants import Domain
from tests.fakes import tokens
from tests.unit.test_admin_models import APP, faults, read, stored

THEIRS, OURS = tokens.public_pem("theirs"), tokens.private_pem("ours")
URL = 'callback_url = "http://app.example"\n'
BARE = f'[[domain]]\nname = "one"\n{URL}'
DOMAIN = f'{BARE}api_public_key = """{THEIRS}"""\n'
NUMBER = '[[number]]\nnumber = "46"\n'
EC = ec.generate_private_key(ec.SECP256R1())
EC_PUBLIC = EC.public_key().public_bytes(
    serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
)


def private(form: serialization.PrivateFormat, password: bytes | None = None) -> str:
    encryption = (
        serialization.BestAvailableEncryption(password)
        if password
        else serialization.NoEncryption()
    )
    key = tokens.rsa_key("ours", 2048)
    return key.private_bytes(serialization.Encoding.PEM, form, encryption).decode()


def test_what_is_left_out_has_a_default(tmp_path: Path) -> None:
    """Four hours, no voices, nowhere to call; the signing key and the secret are made later."""
    (domain,) = read(tmp_path, DOMAIN).declaration(stored).domains
    assert (domain.max_session, domain.voices, domain.allowed_destinations) == (14400.0, {}, ())
    assert domain.signing_key is domain.webhook_secret is domain.api_password is None
    assert domain.fallback_url is domain.alarm_url is domain.trunk is None


def test_keys_in_files_and_other_forms(tmp_path: Path) -> None:
    """Beside the TOML file, in the older PEM forms: the same declaration as inline."""
    public = tokens.rsa_key("theirs", 2048).public_key()
    (tmp_path / "theirs.pem").write_bytes(
        public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.PKCS1)
    )
    (tmp_path / "ours.pem").write_text(private(serialization.PrivateFormat.TraditionalOpenSSL))
    text = f'{BARE}api_public_key_file = "theirs.pem"\nsigning_key_file = "ours.pem"\n'
    inline = f'{DOMAIN}signing_key = """{OURS}"""'
    assert read(tmp_path, text).declaration(stored) == read(tmp_path, inline).declaration(stored)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (DOMAIN.replace('"one"', '"One"'), "domain[0].name: not of the right form"),
        (DOMAIN.replace('"one"', '"a..b"'), "domain[0].name: not of the right form"),
        (DOMAIN.replace('"one"', '"../one"'), "domain[0].name: not of the right form"),
        (DOMAIN.replace('"one"', '"one."'), "domain[0].name: not of the right form"),
        (DOMAIN.replace('"one"', f'"{"x" * 101}"'), "domain[0].name: not of the right form"),
        (DOMAIN.replace("app.", "loopback."), "domain[0].callback_url: has loopback"),
        (DOMAIN + 'fallback_url = "loopback"', "domain[0].fallback_url: has loopback"),
        (DOMAIN + 'alarm_url = "loopback"', "domain[0].alarm_url: has loopback"),
        (f'[[domain]]\nname = "one"\napi_public_key = """{THEIRS}"""',
         "domain[0].callback_url: is missing"),
        (BARE, "domain[0].api_public_key: exactly one of api_public_key and api_public_key_file"),
        (BARE + 'api_public_key = "x"', "domain[0].api_public_key: is not a public key in PEM"),
        (BARE + f'api_public_key = """{OURS}"""', "domain[0].api_public_key: is not a public key"),
        (BARE + f'api_public_key = """{EC_PUBLIC.decode()}"""',
         "domain[0].api_public_key: is not an RSA key"),
        (BARE + f'api_public_key = """{tokens.public_pem("small", 1024)}"""',
         "domain[0].api_public_key: has 1024 bits; 2048 are the least"),
        (BARE + 'api_public_key_file = "none.pem"', "domain[0].api_public_key_file: can't be read"),
        (DOMAIN + f'signing_key = """{THEIRS}"""', "domain[0].signing_key: is not a private key"),
        (DOMAIN + f'signing_key = """{tokens.private_pem("small", 1024)}"""',
         "domain[0].signing_key: has 1024 bits; 2048 are the least"),
        (DOMAIN + f'signing_key = """{private(serialization.PrivateFormat.PKCS8, b"pass")}"""',
         "domain[0].signing_key: is encrypted"),
        (DOMAIN + f'signing_key = """{tokens.private_pem("theirs")}"""',
         "domain[0].api_public_key: is our own signing key's"),
        (DOMAIN + 'api_user = "u"', "domain[0].api_password: api_user and api_password go"),
        (DOMAIN + 'api_password = "0123456789abcdef"', "domain[0].api_password: api_user and"),
        (DOMAIN + 'api_user = "u"\napi_password = "short"',
         "domain[0].api_password: a password has 16"),
        (DOMAIN + 'api_user = "u:v"\napi_password = "0123456789abcdef"', "domain[0].api_user: not"),
        (DOMAIN + 'webhook_secret = "weak"', "domain[0].webhook_secret: has weak"),
        (DOMAIN + 'voices = { Joanna = "female" }', "domain[0].voices: 'Joanna' stands for no"),
        (DOMAIN + 'voices = { Joanna = 5 }', "domain[0].voices: [...] expected `str`"),
        (DOMAIN + "max_session = 0", "domain[0].max_session: expected `float` >= 1.0"),
        (DOMAIN + 'allowed_destinations = ["x"]', "domain[0].allowed_destinations: [0] 'x' is"),
        (DOMAIN + 'trunk = "no"', "domain[0].trunk: no trunk 'no' in this file"),
        (DOMAIN + DOMAIN, "domain[1].name: is declared already by domain[0]"),
        (APP + DOMAIN.replace('"one"', '"demo"'), "domain[0].name: there is an app 'demo' already"),
        (NUMBER, "number[0].app: exactly one of app and domain"),
        (APP + DOMAIN + NUMBER + 'app = "demo"\ndomain = "one"', "number[0].app: exactly one of"),
        (NUMBER + 'domain = "no"', "number[0].domain: no domain 'no' in this file"),
        (DOMAIN + NUMBER + 'domain = "one"\nservice = "voice"',
         "number[0].service: a number of a domain has 'ivr', not 'voice'"),
        (APP + NUMBER + 'app = "demo"\nservice = "ivr"',
         "number[0].service: a number of an app has 'voice', not 'ivr'"),
        (DOMAIN + NUMBER + 'domain = "one"\nservice = "remote"',
         "number[0].service: 'remote' is not available yet"),
        (DOMAIN + NUMBER + 'domain = "one"\ngreeting = "default"',
         "number[0].greeting: is for numbers of an app"),
        (DOMAIN + NUMBER + 'domain = "one"\nevent_url = "http://app.example"',
         "number[0].event_url: is for numbers of an app"),
    ],
)  # fmt: skip
def test_each_thing_that_is_refused(tmp_path: Path, text: str, fault: str) -> None:
    """One fault, one finding with its key, and nothing of a key or password in it."""
    found = faults(tmp_path, text)
    assert [line for line in found if line.startswith(fault)], found
    assert "MII" not in "".join(found)
    assert "0123456789" not in "".join(found)


def test_both_ways_to_give_a_key(tmp_path: Path) -> None:
    """Inline and as a file at once is refused for either key."""
    (tmp_path / "theirs.pem").write_text(THEIRS)
    (tmp_path / "ours.pem").write_text(OURS)
    files = 'api_public_key_file = "theirs.pem"\nsigning_key_file = "ours.pem"\n'
    assert faults(tmp_path, f'{DOMAIN}{files}signing_key = """{OURS}"""') == [
        "domain[0].api_public_key: exactly one of api_public_key and api_public_key_file",
        "domain[0].signing_key: at most one of signing_key and signing_key_file",
    ]


class Stored(NothingKnown):
    """A database with one domain, whose signing key we made."""

    def domain(self, name: str) -> Domain | None:
        if name != "old":
            return None
        return Domain(
            name="old",
            callback_url="http://app.example",
            fallback_url=None,
            alarm_url=None,
            api_public_key=THEIRS,
            api_user=None,
            api_password_hash=None,
            signing_key=OURS,
            reply_secret="r",
            webhook_secret="w",
            voices={},
            max_session=1.0,
            allowed_destinations=(),
            trunk=None,
        )


def test_what_is_stored_counts_too(tmp_path: Path) -> None:
    """A number may name a stored domain; no app may take its name; our key is not theirs."""
    read(tmp_path, NUMBER + 'domain = "old"', Stored())
    assert faults(tmp_path, APP.replace('"demo"', '"old"'), Stored()) == [
        "app[0].id: there is a domain 'old' already"
    ]
    ours = f'[[domain]]\nname = "old"\n{URL}api_public_key = """{tokens.public_pem("ours")}"""'
    assert faults(tmp_path, ours, Stored()) == [
        "domain[0].api_public_key: is our own signing key's: applications have their own"
    ]


def test_a_key_that_we_make() -> None:
    """RSA with 2048 bits, in the form in which declared ones are kept; its public part is RSA."""
    made = keys.new_private_key()
    assert keys.private_key(made) == made
    assert keys.public_key(keys.public_part(made)) == keys.public_part(made)
    assert keys.new_private_key() != made
