"""Reads a provisioning file or tables: everything that is wrong at once, or a declaration.

First each field by itself, then what tables say about each other and about what is stored already.
What needs other parts (may this URL be called, is this audio) comes in as functions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from msgspec import Struct

from adapter.contracts.admin import declared, fields, keys
from adapter.contracts.admin.known import Checks, ImportPrompt, Known
from adapter.contracts.admin.models import MODELS
from adapter.core.destinations import sip_host
from adapter.core.masked import Secret
from adapter.core.tenants import DEFAULT_GREETING_NAME, Declaration, StoredPrompt
from adapter.tables import Check, Finding, Reader, TomlInvalid, read_toml

_LARGEST_KEY = 65536  # bytes of a PEM file


class ProvisioningInvalid(Exception):
    """The file can't be used. `findings` has everything that is wrong."""

    def __init__(self, findings: tuple[Finding, ...]) -> None:
        super().__init__("\n".join(map(str, findings)))
        self.findings = findings


@dataclass(frozen=True, slots=True)
class Row:
    """One table of the file: where it stands, and the fields that are right."""

    at: str
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Parsed:
    """A file in which nothing is wrong. Not stored yet."""

    rows: Mapping[str, tuple[Row, ...]]
    file: str

    def declaration(self, import_prompt: ImportPrompt) -> Declaration:
        """What it declares; the prompts' files are stored on the way.

        Raises:
            ProvisioningInvalid: a prompt can't be stored.
        """
        return Declaration(
            apps=tuple(declared.app(row.values) for row in self.rows["app"]),
            domains=tuple(declared.domain(row.values) for row in self.rows["domain"]),
            trunks=tuple(declared.trunk(row.values) for row in self.rows["trunk"]),
            numbers=tuple(declared.number(row.values) for row in self.rows["number"]),
            prompts=tuple(self._prompts(import_prompt)),
            phones=tuple(declared.phone(row.values) for row in self.rows["phone"]),
        )

    def _prompts(self, import_prompt: ImportPrompt) -> Iterator[StoredPrompt]:
        for row in self.rows["prompt"]:
            app, name = row.values["app"], row.values["name"]
            try:
                path, digest = import_prompt(row.values["file"])
            except (ValueError, OSError) as error:
                reason = f"can't be stored: {error}"
                finding = Finding(self.file, f"{row.at}.file", reason)
                raise ProvisioningInvalid((finding,)) from error
            yield StoredPrompt(app=app, name=name, path=path, sha256=digest)


def parse(path: Path, known: Known, checks: Checks) -> Parsed:
    """Read and check a file.

    Args:
        path: the TOML file.
        known: what a table may refer to besides the file itself.
        checks: see there.

    Raises:
        ProvisioningInvalid: with all that is wrong.
        OSError: it can't be read.
    """
    try:
        content = read_toml(path)
    except TomlInvalid as invalid:
        raise ProvisioningInvalid((invalid.finding,)) from None
    return parse_tables(content, str(path), path.parent, known, checks)


def parse_tables(
    content: Mapping[str, object],
    source: str,
    folder: Path,
    known: Known,
    checks: Checks,
    models: Mapping[str, type[Struct]] = MODELS,
) -> Parsed:
    """Check tables, wherever they come from.

    Args:
        content: lists of tables by kind, as a provisioning file has them.
        source: names it in findings.
        folder: what files in it are relative to.
        known: what a table may refer to besides the others.
        checks: see there.
        models: the model of each kind.

    Raises:
        ProvisioningInvalid: with all that is wrong.
    """
    reader = Reader(source)
    rows = _Parsing(reader, content, folder, known, checks, models).rows()
    if reader.findings:
        raise ProvisioningInvalid(tuple(reader.findings))
    return Parsed(rows, source)


class _Parsing:
    """One file on its way. Findings go to the reader."""

    def __init__(
        self,
        reader: Reader,
        content: Mapping[str, object],
        folder: Path,
        known: Known,
        checks: Checks,
        models: Mapping[str, type[Struct]],
    ) -> None:
        self._reader = reader
        self._content = content
        self._folder = folder
        self._known = known
        self._checks = checks
        self._models = models

    def rows(self) -> dict[str, tuple[Row, ...]]:
        """All tables, by kind."""
        self._reader.unknown("", self._content, self._models)
        rows = {kind: tuple(self._tables(kind)) for kind in MODELS}
        names = {
            "app": self._names(rows["app"], "id"),
            "domain": self._names(rows["domain"], "name"),
            "trunk": self._names(rows["trunk"], "name"),
            "number": self._names(rows["number"], "pin", "number"),
            "phone": self._names(rows["phone"], "extension"),
            "prompt": self._names(rows["prompt"], "app", "name"),
        }
        for row in rows["app"]:
            self._check_owner(row, "id", names["domain"], self._known.domain, "domain")
        for row in rows["domain"]:
            self._check_domain(row, names)
        for row in rows["trunk"]:
            self._check_trunk(row)
        self._check_matches(rows["trunk"])
        for row in rows["number"]:
            self._check_number(row, names)
        self._check_pins(rows["number"])
        for row in rows["prompt"]:
            self._refer(row, "app", row.values.get("app"), names["app"], self._known.app)
        return rows

    def _tables(self, kind: str) -> Iterator[Row]:
        tables = self._content.get(kind, [])
        if not isinstance(tables, list) or not all(isinstance(one, dict) for one in tables):
            self._reader.fault(kind, f"is written [[{kind}]], with two brackets")
            return
        for index, table in enumerate(tables):
            at = f"{kind}[{index}]"
            model, checks = self._models[kind], self._field_checks(kind)
            values = self._reader.fields(model, table, at, checks=checks)
            yield Row(at, values)

    def _field_checks(self, kind: str) -> dict[str, Check]:
        url = fields.checked(self._checks.url)
        checks: dict[str, dict[str, Check]] = {
            "app": {
                "key": fields.key,
                "event_url": url,
                "webhook_secret": self._secret,
                "allowed_destinations": fields.destinations,
            },
            "domain": {
                **dict.fromkeys(("callback_url", "fallback_url", "alarm_url"), url),
                "api_public_key": keys.public_key,
                "api_public_key_file": self._public_key_file,
                "api_password": fields.api_password,
                "signing_key": fields.signing_key,
                "signing_key_file": self._signing_key_file,
                "webhook_secret": self._secret,
                "voices": fields.voices,
                "allowed_destinations": fields.destinations,
            },
            "trunk": {"uri": sip_host, "password": fields.trunk_password, "match": fields.networks},
            "number": {"number": fields.plain, "event_url": url, "service": fields.service},
            "prompt": {"name": fields.not_default, "file": self._prompt_file},
            "phone": {"password": fields.password, "name": fields.display_name},
        }
        return checks[kind]

    def _secret(self, secret: Secret) -> Secret:
        self._checks.secret(secret.reveal())
        return secret

    def _prompt_file(self, file: Path) -> Path:
        path = self._folder / file
        try:
            self._checks.prompt(path)
        except OSError as error:
            raise ValueError(f"can't be read: {error.strerror or error}") from None
        return path

    def _public_key_file(self, file: Path) -> str:
        return keys.public_key(self._text(file))

    def _signing_key_file(self, file: Path) -> Secret:
        return Secret(keys.private_key(self._text(file)))

    def _text(self, file: Path) -> str:
        try:
            with (self._folder / file).open("rb") as opened:
                return opened.read(_LARGEST_KEY).decode("ascii", "replace")
        except OSError as error:
            raise ValueError(f"can't be read: {error.strerror or error}") from None

    def _names(self, rows: Iterable[Row], *keys: str) -> set[Any]:
        """Names of one kind, each only once."""
        seen: dict[Any, str] = {}
        for row in rows:
            name = tuple(row.values.get(key) for key in keys)
            if None in name:
                continue
            one = name[0] if len(name) == 1 else name
            if one in seen:
                self._reader.fault(f"{row.at}.{keys[-1]}", f"is declared already by {seen[one]}")
            seen.setdefault(one, row.at)
        return set(seen)

    def _refer(
        self, row: Row, key: str, name: Any, here: set[Any], stored: Callable[[Any], object]
    ) -> None:
        if name is not None and name not in here and stored(name) is None:
            self._reader.fault(
                f"{row.at}.{key}", f"no {key} {name!r} in this file or in the database"
            )

    def _check_owner(
        self, row: Row, key: str, here: set[Any], stored: Callable[[str], object], other: str
    ) -> None:
        """Apps and domains are both owners of calls and webhooks: no two of one name."""
        name = row.values.get(key)
        if name is not None and (name in here or stored(name) is not None):
            self._reader.fault(f"{row.at}.{key}", f"there is {_AN[other]} {name!r} already")

    def _check_domain(self, row: Row, names: Mapping[str, set[Any]]) -> None:
        values = row.values
        self._check_owner(row, "name", names["app"], self._known.app, "app")
        self._refer(row, "trunk", values.get("trunk"), names["trunk"], self._known.trunk)
        if {"name", "api_user", "api_password"} <= values.keys():
            self._check_api_user(row)
        for key, needed in (("api_public_key", True), ("signing_key", False)):
            pair = {key, f"{key}_file"}
            if not pair <= values.keys():
                continue
            given = sum(values[one] is not None for one in pair)
            if given > 1 or (needed and not given):
                number = "exactly" if needed else "at most"
                self._reader.fault(f"{row.at}.{key}", f"{number} one of {key} and {key}_file")
        self._check_keys_differ(row)

    def _check_api_user(self, row: Row) -> None:
        """A password that is left out stays as it is, like the other secrets of a domain."""
        user, password = row.values["api_user"], row.values["api_password"]
        stored = self._known.domain(row.values["name"])
        kept = user is not None and stored is not None and stored.api_user == user
        if (user is None) != (password is None) and not kept:
            self._reader.fault(f"{row.at}.api_password", "api_user and api_password go together")

    def _check_keys_differ(self, row: Row) -> None:
        """With one key for both ways, a callback's token would open the API."""
        theirs = row.values.get("api_public_key") or row.values.get("api_public_key_file")
        ours = row.values.get("signing_key") or row.values.get("signing_key_file")
        name = row.values.get("name")
        stored = self._known.domain(name) if name is not None else None
        pem = ours.reveal() if ours else stored.signing_key if stored else None
        if theirs and pem and keys.public_part(pem) == theirs:
            self._reader.fault(
                f"{row.at}.api_public_key", "is our own signing key's: applications have their own"
            )

    def _check_trunk(self, row: Row) -> None:
        values = row.values
        if "username" in values and "password" in values:
            if (values["username"] is None) != (values["password"] is None):
                self._reader.fault(f"{row.at}.password", "username and password go together")
            if values.get("register") and values["username"] is None:
                self._reader.fault(f"{row.at}.register", "needs username and password")
        if values.get("srtp") and not values.get("uri", _TLS).endswith(_TLS):
            reason = f"needs {_TLS} in uri: the keys of the audio stand in the signalling"
            self._reader.fault(f"{row.at}.srtp", reason)

    def _check_matches(self, rows: Iterable[Row]) -> None:
        """Two trunks of one address could not be told apart (enforced by no one else)."""
        here = list(rows)
        anew = {row.values.get("name") for row in here}
        taken = [
            (ip_network(match), f"trunk {trunk.name!r}")
            for trunk in self._known.trunks()
            if trunk.name not in anew
            for match in trunk.match
        ]
        for row in here:
            own = [ip_network(match) for match in row.values.get("match", ())]
            for network in own:
                for other, whose in taken:
                    if fields.overlap(network, other):
                        self._reader.fault(f"{row.at}.match", f"{network} belongs to {whose}")
            taken += [(network, row.at) for network in own]

    def _check_number(self, row: Row, names: Mapping[str, set[Any]]) -> None:
        values = row.values
        self._refer(row, "app", values.get("app"), names["app"], self._known.app)
        self._refer(row, "domain", values.get("domain"), names["domain"], self._known.domain)
        self._refer(row, "trunk", values.get("trunk"), names["trunk"], self._known.trunk)
        if {"app", "domain", "service"} <= values.keys():
            self._check_owner_of(row)
        app = values.get("app")
        for key in ("greeting", "outbound_greeting", *_PIN_PROMPTS):
            name = values.get(key)
            if name is not None and key in _PIN_PROMPTS and values.get("pin") == "":
                self._reader.fault(f"{row.at}.{key}", "is for numbers with a PIN")
            if app is None or name is None or name == DEFAULT_GREETING_NAME:
                continue
            if (app, name) not in names["prompt"] and self._known.prompt(app, name) is None:
                self._reader.fault(
                    f"{row.at}.{key}", f"app {app!r} has no prompt {name!r}, here or stored"
                )

    def _check_pins(self, rows: Iterable[Row]) -> None:
        """A number is one owner's, or all who share it have PINs."""
        seen: dict[str, list[tuple[str, str]]] = {}
        for row in rows:
            if not {"number", "pin"} <= row.values.keys():
                continue
            number, pin = row.values["number"], row.values["pin"]
            stored = [(one.pin, "the stored one") for one in self._known.numbers_at(number)]
            others = seen.setdefault(number, stored)
            for other, whose in others:
                if bool(other) != bool(pin):
                    has = "a PIN" if other else "no PIN"
                    reason = f"{whose} has {has}: who share a number all have one"
                    self._reader.fault(f"{row.at}.pin", reason)
                    break
            others.append((pin, row.at))

    def _check_owner_of(self, row: Row) -> None:
        values = row.values
        app, domain, service = values["app"], values["domain"], values["service"]
        if (app is None) == (domain is None):
            self._reader.fault(f"{row.at}.app", "exactly one of app and domain")
            return
        if service not in (None, declared.service(values)):
            owner = "an app" if domain is None else "a domain"
            reason = f"a number of {owner} has {declared.service(values)!r}, not {service!r}"
            self._reader.fault(f"{row.at}.service", reason)
        for key in _OF_AN_APP:
            if domain is not None and values.get(key):
                self._reader.fault(f"{row.at}.{key}", "is for numbers of an app")


_PIN_PROMPTS = ("pin_prompt", "pin_retry_prompt", "pin_goodbye_prompt")
_OF_AN_APP = ("event_url", "greeting", "outbound_greeting", "pin", "voicemail_detection")
_TLS = ";transport=tls"
_AN = {"app": "an app", "domain": "a domain"}
