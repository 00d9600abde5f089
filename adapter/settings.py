"""The settings of the server: one TOML file and the environment, read once into frozen values.

What a setting means stands beside it, in its `Meta`; docs/settings.md is the same as a table, and a
test compares. The environment goes before the file: ``ARI_VOICE_HTTP__PORT`` is ``http.port``.
Provisioning (apps, numbers, trunks) is not here: that is data, see `adapter.contracts.admin`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta, Struct

from adapter.core.masked import Secret
from adapter.outbox.egress import Policy
from adapter.tables import (  # fmt: skip
    Check,
    Finding,
    Reader,
    TomlInvalid,
    convert,
    default_of,
    join,
    meaning,
    nearest,
    read_toml,
)

DEFAULT_FILE: Final = "ari-voice.toml"
PREFIX: Final = "ARI_VOICE_"
CONFIG: Final = "ARI_VOICE_CONFIG"

Seconds = Annotated[float, Meta(gt=0, le=86400)]


class Http(Struct, frozen=True, kw_only=True):
    """Where the adapter serves."""

    host: Annotated[str, Meta(description="address to listen on")] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535, description="TCP port; 0 takes any free one")] = 8080
    tls_cert: Annotated[
        Path | None, Meta(description="PEM file with the certificate and its chain; turns TLS on")
    ] = None
    tls_key: Annotated[Path | None, Meta(description="PEM file with its private key")] = None


class Asterisk(Struct, frozen=True, kw_only=True):
    """How Asterisk is reached."""

    url: Annotated[
        str, Meta(description="of Asterisk's HTTP server; an /ari at its end may be left out")
    ] = "http://127.0.0.1:8088"
    username: Annotated[str, Meta(min_length=1, description="user in ari.conf")] = "ari-voice"
    password: Annotated[
        Secret, Meta(description="that user's password; either this or password_file")
    ] = Secret("")
    password_file: Annotated[
        Path | None, Meta(description="file whose first line is the password")
    ] = None
    app: Annotated[
        str,
        Meta(
            pattern=r"^[A-Za-z0-9_-]{1,64}\Z",
            description="name of the Stasis application; another one for each adapter",
        ),
    ] = "ari-voice"
    timeout: Annotated[Seconds, Meta(description="seconds for one command")] = 5.0


class Database(Struct, frozen=True, kw_only=True):
    """The SQLite file."""

    path: Annotated[Path, Meta(description="the file; its folder is made when missing")] = Path(
        "var/ari-voice.db"
    )
    synchronous: Annotated[
        Literal["normal", "full"],
        Meta(description="normal survives the death of the process, full a power cut as well"),
    ] = "normal"


class Media(Struct, frozen=True, kw_only=True):
    """Audio files."""

    folder: Annotated[
        Path,
        Meta(description="prompts and rendered speech; Asterisk reads it under the same path"),
    ] = Path("var/media")
    cache_bytes: Annotated[
        int, Meta(ge=1 << 20, description="size that rendered speech may take")
    ] = 1 << 30


class Webhooks(Struct, frozen=True, kw_only=True):
    """Deliveries to applications."""

    allow: Annotated[
        tuple[str, ...],
        Meta(
            description="addresses, networks and host names that may be called although they are "
            "not public: 10.1.0.0/16, 127.0.0.1:9000, app.internal"
        ),
    ] = ()
    timeout: Annotated[Seconds, Meta(description="seconds for one attempt")] = 10.0
    concurrency: Annotated[int, Meta(ge=1, le=10000, description="attempts at a time")] = 64
    retry: Annotated[
        tuple[float, ...],
        Meta(description="seconds before each further attempt; then it is a dead letter"),
    ] = (1, 2, 5, 10, 20, 30, 60, 300, 900, 3600, 10800, 21600, 43200)


class Plugins(Struct, frozen=True, kw_only=True):
    """Which plug-ins are used.

    Attributes:
        settings: the table of each plug-in, ``[plugins.<name>]``; it checks it itself.
    """

    tts: Annotated[
        tuple[str, ...], Meta(description="speech synthesisers, the preferred one first")
    ] = ("espeak",)
    settings: Mapping[str, Mapping[str, object]] = {}

    def __repr__(self) -> str:
        return f"Plugins(tts={self.tts!r}, settings of {sorted(self.settings)})"


class Calls(Struct, frozen=True, kw_only=True):
    """Limits of a call."""

    max_duration: Annotated[
        Seconds, Meta(description="seconds after the answer when a call is ended")
    ] = 14400.0
    ring_timeout: Annotated[
        Annotated[float, Meta(ge=1, le=600)],
        Meta(description="seconds that an outbound call may ring"),
    ] = 60.0


class Log(Struct, frozen=True, kw_only=True):
    """Log lines, on standard error."""

    level: Annotated[
        Literal["debug", "info", "warning", "error"], Meta(description="the least that is written")
    ] = "info"
    format: Annotated[
        Literal["json", "text"], Meta(description="json: one object a line; text: for people")
    ] = "json"


class Drain(Struct, frozen=True, kw_only=True):
    """What happens at SIGTERM."""

    timeout: Annotated[
        Annotated[float, Meta(ge=0, le=86400)],
        Meta(description="seconds that live calls may go on before the process ends"),
    ] = 30.0


class Retention(Struct, frozen=True, kw_only=True):
    """How long things are kept."""

    calls_days: Annotated[
        Annotated[float, Meta(gt=0, le=3650)],
        Meta(description="days for calls that have ended, and their delivered webhooks"),
    ] = 7.0


class Settings(Struct, frozen=True, kw_only=True):
    """All settings."""

    cell: Annotated[
        str,
        Meta(
            pattern=r"^[0-9a-f]{4}\Z",
            description="four hex digits, part of every public id; another one for each adapter",
        ),
    ] = "0001"
    http: Http = Http()
    asterisk: Asterisk = Asterisk()
    database: Database = Database()
    media: Media = Media()
    webhooks: Webhooks = Webhooks()
    plugins: Plugins = Plugins()
    calls: Calls = Calls()
    log: Log = Log()
    drain: Drain = Drain()
    retention: Retention = Retention()


class SettingsInvalid(Exception):
    """The settings can't be used. `findings` has everything that is wrong."""

    def __init__(self, findings: tuple[Finding, ...]) -> None:
        super().__init__("\n".join(map(str, findings)))
        self.findings = findings


@dataclass(frozen=True, slots=True)
class Described:
    """One setting, for the documentation: key, environment variable, default and meaning."""

    key: str
    variable: str
    default: str
    meaning: str


def load(config: Path | None, environ: Mapping[str, str]) -> Settings:
    """Read the settings.

    Args:
        config: the file; None takes ``ARI_VOICE_CONFIG``, else ``ari-voice.toml`` in the current
            folder when it is there.
        environ: the environment.

    Paths in the file are relative to its folder, those in the environment to the current one.

    Raises:
        SettingsInvalid: the file can't be read, or something in it or the environment is wrong.
    """
    path = config or (Path(environ[CONFIG]) if environ.get(CONFIG) else None)
    if path is None and Path(DEFAULT_FILE).is_file():
        path = Path(DEFAULT_FILE)
    reader = Reader(str(path) if path else DEFAULT_FILE)
    content: Mapping[str, object] = {}
    if path is not None:
        try:
            content = read_toml(path)
        except TomlInvalid as invalid:
            raise SettingsInvalid((invalid.finding,)) from None
        except OSError as error:
            fault = Finding(str(path), "", f"can't be read: {error.strerror}")
            raise SettingsInvalid((fault,)) from None
    settings = _Loading(reader, content, environ, path.parent if path else Path()).settings()
    if reader.findings:
        raise SettingsInvalid(tuple(reader.findings))
    return settings


def described() -> Iterator[Described]:
    """Every setting, in order."""
    for one in msgspec.structs.fields(Settings):
        if not _is_section(one.type):
            yield _describe("", one)
            continue
        for inner in msgspec.structs.fields(one.type):
            if (one.name, inner.name) != ("plugins", "settings"):
                yield _describe(one.name, inner)


def _describe(section: str, one: msgspec.structs.FieldInfo) -> Described:
    key = join(section, one.name)
    default = default_of(one)
    if isinstance(default, tuple):
        text = "[" + ", ".join(f'"{x}"' if isinstance(x, str) else f"{x:g}" for x in default) + "]"
    elif isinstance(default, float):
        text = f"{default:g}"
    else:
        text = "" if default is None or default == Secret("") else str(default)
    return Described(key, variable_of(key), text, meaning(one.type))


def variable_of(key: str) -> str:
    """``http.port`` -> ``ARI_VOICE_HTTP__PORT``."""
    return PREFIX + key.replace(".", "__").upper()


class _Loading:
    """Brings file and environment together, checks, and builds the values."""

    def __init__(
        self,
        reader: Reader,
        content: Mapping[str, object],
        environ: Mapping[str, str],
        folder: Path,
    ) -> None:
        self._reader = reader
        self._content = content
        self._folder = folder
        self._environment = Reader("environment")
        self._variables = {
            name: value
            for name, value in environ.items()
            if name.startswith(PREFIX) and name != CONFIG
        }

    def settings(self) -> Settings:
        """The settings; what is wrong goes to the reader's findings."""
        sections = {one.name: one for one in msgspec.structs.fields(Settings)}
        self._reader.unknown("", self._content, sections)
        top = {"cell": self._content["cell"]} if "cell" in self._content else {}
        values = self._values("", Settings, top, ("cell",))
        for name, one in sections.items():
            if _is_section(one.type):
                values[name] = self._section(name, one.type)
        for name in self._variables:
            known = [setting.variable for setting in described()]
            self._environment.fault(name, f"unknown setting{nearest(name, known)}")
        self._reader.findings.extend(self._environment.findings)
        return Settings() if self._reader.findings else Settings(**values)

    def _section(self, name: str, model: type[Struct]) -> Any:
        table = self._content.get(name, {})
        if not isinstance(table, Mapping):
            self._reader.fault(name, "expected a table")
            table = {}
        given = dict(table)
        plugin_tables: dict[str, dict[str, object]] = {}
        if model is Plugins:
            plugin_tables = self._plugin_tables(given)
        keys = tuple(k for k in model.__struct_fields__ if (model, k) != (Plugins, "settings"))
        values = self._values(name, model, given, keys)
        if model is Plugins:
            values["settings"] = self._named(plugin_tables, values.get("tts"))
        if model is Http and (values.get("tls_cert") is None) != (values.get("tls_key") is None):
            self._reader.fault("http.tls_key", "tls_cert and tls_key are given together or not")
        if model is Asterisk:
            self._password(values)
        return None if self._reader.findings or self._environment.findings else model(**values)

    def _values(
        self, section: str, model: type[Struct], table: Mapping[str, object], keys: tuple[str, ...]
    ) -> dict[str, Any]:
        """Fields of one section: the environment's value, else the file's, else the default."""
        mine = {key: table[key] for key in table if variable_of(join(section, key)) not in
                self._variables or key not in keys}  # fmt: skip
        checks = {key: _CHECKS[join(section, key)] for key in keys if join(section, key) in _CHECKS}
        values = self._reader.fields(model, mine, section, checks=checks)
        for one in msgspec.structs.fields(model):
            if one.name not in keys:
                continue
            if isinstance(values.get(one.name), Path):
                values[one.name] = self._folder / values[one.name]
            name = variable_of(join(section, one.name))
            text = self._variables.pop(name, None)
            if text is None or (text == "" and not _is_list(one.type)):
                continue  # set but empty, as `VAR=` in a compose file: not given
            try:
                value = convert(_from_text(text, one.type), one.type, strict=False)
                values[one.name] = checks[one.name](value) if one.name in checks else value
            except ValueError as error:
                self._environment.fault(name, str(error))
        return values

    def _plugin_tables(self, given: dict[str, object]) -> dict[str, dict[str, object]]:
        """Take the tables of plug-ins out of `[plugins]`; the environment's keys go before."""
        tables = {key: dict(value) for key, value in given.items() if isinstance(value, Mapping)}
        for key in tables:
            del given[key]
        for name in list(self._variables):
            if match := re.fullmatch(r"ARI_VOICE_PLUGINS__([A-Z0-9_]+?)__([A-Z0-9_]+)", name):
                value = _guess(self._variables.pop(name))
                tables.setdefault(match[1].lower(), {})[match[2].lower()] = value
        return tables

    def _named(
        self, tables: dict[str, dict[str, object]], names: tuple[str, ...] | None
    ) -> dict[str, dict[str, object]]:
        """Settings of a plug-in that is not used are a slip of the pen."""
        for name in tables if names is not None else ():
            if name not in (names or ()):
                hint = nearest(name, names or ())
                self._reader.fault(f"plugins.{name}", f"no such plug-in is used{hint}")
        return tables

    def _password(self, values: dict[str, Any]) -> None:
        path = values.get("password_file")
        if path is None:
            return
        if values.get("password"):
            self._reader.fault("asterisk.password_file", "password is given as well")
            return
        try:
            values["password"] = Secret(path.read_text("utf-8").partition("\n")[0].strip())
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "not text"
            self._reader.fault("asterisk.password_file", f"can't be read: {reason}")


def _is_section(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Struct)


def _is_list(kind: Any) -> bool:
    return getattr(getattr(kind, "__origin__", None), "__origin__", None) is tuple


def _from_text(text: str, kind: Any) -> object:
    if not _is_list(kind):
        return text
    return [part.strip() for part in text.split(",") if part.strip()]


def _guess(text: str) -> object:
    """A plug-in's setting in the environment: a number or true/false where it looks like one."""
    if text in ("true", "false"):
        return text == "true"
    for kind in (int, float):
        try:
            value = kind(text)
        except ValueError:
            continue
        return value if math.isfinite(value) else text
    return text


def _asterisk_url(text: str) -> str:
    url = urlsplit(text)
    if url.scheme not in ("http", "https") or not url.hostname or url.query or url.fragment:
        raise ValueError("not a URL such as http://127.0.0.1:8088/ari")
    if url.username is not None:
        raise ValueError("credentials stand in username and password, not in the URL")
    return text.rstrip("/").removesuffix("/ari")


def _allow(entries: tuple[str, ...]) -> tuple[str, ...]:
    Policy.parse(entries)
    return entries


def _retry(delays: tuple[float, ...]) -> tuple[float, ...]:
    if any(not 0 <= delay <= 7 * 86400 for delay in delays):
        raise ValueError("each is from 0 seconds to 7 days")
    return delays


def _different(names: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(names)) < len(names):
        raise ValueError("a plug-in is named twice")
    return names


_CHECKS: dict[str, Callable[[Any], Any] | Check] = {
    "asterisk.url": _asterisk_url,
    "webhooks.allow": _allow,
    "webhooks.retry": _retry,
    "plugins.tts": _different,
}
