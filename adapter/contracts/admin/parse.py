"""Reads a provisioning file: everything that is wrong with it at once, or a declaration.

First each field by itself, then what tables say about each other and about what is stored already.
What needs other parts (may this URL be called, is this a WAV file) comes in as functions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path
from typing import Any, Protocol

from adapter.contracts.admin import declared, fields, keys
from adapter.contracts.admin.models import LATER, MODELS
from adapter.core import tenants
from adapter.core.destinations import sip_host
from adapter.core.masked import Secret
from adapter.core.tenants import DEFAULT_GREETING_NAME, Declaration, StoredPrompt
from adapter.tables import Check, Finding, Reader, TomlInvalid, read_toml

ImportPrompt = Callable[[Path], tuple[str, str]]
"""Stores a WAV file; returns its path below the media folder and the SHA-256 of the file as it
came. What was stored before stays as it is. Raises ValueError or OSError."""


class Known(Protocol):
    """What is stored already: `adapter.store.provisioning.ProvisioningStore` has it."""

    def app(self, app_id: str) -> tenants.App | None: ...  # noqa: D102 - documented there
    def domain(self, name: str) -> tenants.Domain | None: ...  # noqa: D102
    def trunk(self, name: str) -> tenants.Trunk | None: ...  # noqa: D102
    def trunks(self) -> list[tenants.Trunk]: ...  # noqa: D102
    def prompt(self, app: str, name: str) -> StoredPrompt | None: ...  # noqa: D102


class NothingKnown:
    """No database yet."""

    def app(self, app_id: str) -> tenants.App | None:
        """None."""
        return None

    def domain(self, name: str) -> tenants.Domain | None:
        """None."""
        return None

    def trunk(self, name: str) -> tenants.Trunk | None:
        """None."""
        return None

    def trunks(self) -> list[tenants.Trunk]:
        """None at all."""
        return []

    def prompt(self, app: str, name: str) -> StoredPrompt | None:
        """None."""
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Checks:
    """What other parts know. Each raises ValueError with a reason.

    Attributes:
        url: may webhooks go there; syntax and literal addresses.
        secret: is it a webhook secret.
        prompt: is this file one that can be played. OSError is caught as well.
    """

    url: Callable[[str], object]
    secret: Callable[[str], object]
    prompt: Callable[[Path], object]


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
    reader = Reader(str(path))
    rows = _Parsing(reader, content, path.parent, known, checks).rows()
    if reader.findings:
        raise ProvisioningInvalid(tuple(reader.findings))
    return Parsed(rows, str(path))


class _Parsing:
    """One file on its way. Findings go to the reader."""

    def __init__(
        self,
        reader: Reader,
        content: Mapping[str, object],
        folder: Path,
        known: Known,
        checks: Checks,
    ) -> None:
        self._reader = reader
        self._content = content
        self._folder = folder
        self._known = known
        self._checks = checks

    def rows(self) -> dict[str, tuple[Row, ...]]:
        """All tables, by kind."""
        self._reader.unknown("", self._content, MODELS)
        rows = {kind: tuple(self._tables(kind)) for kind in MODELS}
        names = {
            "app": self._names(rows["app"], "id"),
            "domain": self._names(rows["domain"], "name"),
            "trunk": self._names(rows["trunk"], "name"),
            "number": self._names(rows["number"], "number"),
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
            values = self._reader.fields(
                MODELS[kind], table, at, checks=self._field_checks(kind), later=LATER.get(kind)
            )
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
        if {"api_user", "api_password"} <= values.keys() and (
            (values["api_user"] is None) != (values["api_password"] is None)
        ):
            self._reader.fault(f"{row.at}.api_password", "api_user and api_password go together")
        for key, needed in (("api_public_key", True), ("signing_key", False)):
            pair = {key, f"{key}_file"}
            if not pair <= values.keys():
                continue
            given = sum(values[one] is not None for one in pair)
            if given > 1 or (needed and not given):
                number = "exactly" if needed else "at most"
                self._reader.fault(f"{row.at}.{key}", f"{number} one of {key} and {key}_file")
        self._check_keys_differ(row)

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
        for key in ("greeting", "outbound_greeting"):
            name = values.get(key)
            if app is None or name is None or name == DEFAULT_GREETING_NAME:
                continue
            if (app, name) not in names["prompt"] and self._known.prompt(app, name) is None:
                self._reader.fault(
                    f"{row.at}.{key}", f"app {app!r} has no prompt {name!r}, here or stored"
                )

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
        for key in ("event_url", "greeting", "outbound_greeting"):
            if domain is not None and values.get(key) is not None:
                self._reader.fault(f"{row.at}.{key}", "is for numbers of an app")


_AN = {"app": "an app", "domain": "a domain"}
