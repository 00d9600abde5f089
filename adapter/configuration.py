"""Reads the settings: one TOML file and the environment, which goes before the file.

``ARI_VOICE_HTTP__PORT`` is ``http.port``; a list is separated by commas; a variable that is set but
empty counts as not given (as ``VAR=`` in a compose file), except that it empties a list. An unknown
key is an error, and so is a variable that looks like a setting and is none.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from msgspec import Struct
from msgspec.structs import fields

from adapter.core.masked import Secret
from adapter.outbox.egress import Policy
from adapter.settings import (
    PREFIX,
    Admin,
    Asterisk,
    Http,
    Plugins,
    Settings,
    described,
    is_section,
    variable_of,
)
from adapter.tables import Check, Finding, Reader, TomlInvalid, join, nearest, read_toml

DEFAULT_FILE: Final = "ari-voice.toml"
CONFIG: Final = PREFIX + "CONFIG"

_PLUGIN_VARIABLE = re.compile(rf"{PREFIX}PLUGINS__([A-Z0-9_]+?)__([A-Z0-9_]+)")
_TOKEN = re.compile(r"[\x21-\x7e]{24,256}")


class SettingsInvalid(Exception):
    """The settings can't be used. `findings` has everything that is wrong."""

    def __init__(self, findings: tuple[Finding, ...]) -> None:
        super().__init__("\n".join(map(str, findings)))
        self.findings = findings


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
    if path is None:
        return _Loading({}, Reader(DEFAULT_FILE), Path(), environ).settings()
    try:
        content = read_toml(path)
    except TomlInvalid as invalid:
        raise SettingsInvalid((invalid.finding,)) from None
    except OSError as error:
        reason = f"can't be read: {error.strerror or error}"
        raise SettingsInvalid((Finding(str(path), "", reason),)) from None
    return _Loading(content, Reader(str(path)), path.parent, environ).settings()


class _Loading:
    """Brings file and environment together, checks, and builds the values."""

    def __init__(
        self,
        content: Mapping[str, object],
        file: Reader,
        folder: Path,
        environ: Mapping[str, str],
    ) -> None:
        self._content = content
        self._file = file
        self._folder = folder
        self._environment = Reader("environment", strict=False, spell=variable_of)
        self._variables = {
            name: value
            for name, value in environ.items()
            if name.startswith(PREFIX) and name != CONFIG
        }

    def settings(self) -> Settings:
        """The settings.

        Raises:
            SettingsInvalid: with all that is wrong.
        """
        sections = {one.name: one.type for one in fields(Settings) if is_section(one.type)}
        top = {key: value for key, value in self._content.items() if key not in sections}
        values = self._values("", Settings, top)
        read = {name: self._section(name, model) for name, model in sections.items()}
        self._unknown_variables(sections)
        if findings := (*self._file.findings, *self._environment.findings):
            raise SettingsInvalid(findings)
        built = {name: model(**read[name]) for name, model in sections.items()}
        return Settings(**(values | built))

    def _unknown_variables(self, sections: Iterable[str]) -> None:
        """Those that look like a setting; our tools have variables with this prefix, too."""
        known = [setting.variable for setting in described()]
        for name in self._variables:
            section = name.removeprefix(PREFIX).partition("_")[0].lower()
            if "__" in name or section in sections:
                reason = f"unknown setting{nearest(name, known)}"
                self._environment.findings.append(Finding("environment", name, reason))

    def _section(self, name: str, model: type[Struct]) -> dict[str, Any]:
        table = self._content.get(name, {})
        if not isinstance(table, Mapping):
            self._file.fault(name, "expected a table")
            table = {}
        if model is Plugins:
            return self._plugins(table)
        values = self._values(name, model, table)
        if model is Http and (values.get("tls_cert") is None) != (values.get("tls_key") is None):
            self._file.fault("http.tls_key", "tls_cert and tls_key are given both or neither")
        if model is Asterisk:
            self._read_secret(name, values, "password")
            self._read_secret(name, values, "ami_password")
        if model is Admin:
            self._read_secret(name, values, "token")
        return values

    def _values(
        self, section: str, model: type[Struct], table: Mapping[str, object]
    ) -> dict[str, Any]:
        """Fields of one table: the environment's value, else the file's, else the default."""
        given: dict[str, object] = {}
        for one in fields(model):
            text = self._variables.pop(variable_of(join(section, one.name)), None)
            if text is not None and _is_list(one.type):
                given[one.name] = [part.strip() for part in text.split(",") if part.strip()]
            elif text:
                given[one.name] = text
        rest = {key: value for key, value in table.items() if key not in given}
        values = self._file.fields(model, rest, section, checks=_CHECKS.get(section))
        for name in rest:
            if isinstance(values.get(name), Path):
                values[name] = self._folder / values[name]
        for one in fields(model):  # a default path is the file's as well, wherever we are started
            if one.name not in rest and isinstance(one.default, Path):
                values[one.name] = self._folder / one.default
        overriding = self._environment.fields(model, given, section, checks=_CHECKS.get(section))
        return values | {name: overriding[name] for name in given if name in overriding}

    def _plugins(self, table: Mapping[str, object]) -> dict[str, Any]:
        """Which plug-ins, and the table of each: what is not used is a slip of the pen."""
        tables = {name: dict(one) for name, one in table.items() if isinstance(one, Mapping)}
        for name in list(self._variables):
            if match := _PLUGIN_VARIABLE.fullmatch(name):
                own = tables.setdefault(match[1].lower(), {})
                own[match[2].lower()] = _guess(self._variables.pop(name))
        rest = {key: value for key, value in table.items() if key not in tables}
        values = self._values("plugins", Plugins, rest)
        used = {one for kind in ("tts", "asr") for one in values.get(kind, tables)}
        for name in set(tables) - set(used):
            hint = nearest(name, used)
            self._file.fault(f"plugins.{name}", f"no plug-in of this name is used{hint}")
        return values | {"settings": tables}

    def _read_secret(self, section: str, values: dict[str, Any], name: str) -> None:
        """A secret may stand in a file of its own, whose path is the setting `<name>_file`."""
        path, key = values.get(f"{name}_file"), join(section, f"{name}_file")
        if path is None:
            return
        if values.get(name):
            self._file.fault(key, f"{join(section, name)} is given as well")
            return
        check = _CHECKS[section].get(name, _unchanged)
        try:
            values[name] = check(Secret(path.read_text("utf-8").partition("\n")[0].strip()))
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is not text"
            self._file.fault(key, f"can't be read: {reason}")
        except ValueError as error:
            self._file.fault(key, str(error))


def _is_list(kind: Any) -> bool:
    kind = getattr(kind, "__origin__", kind)  # of Annotated
    return getattr(kind, "__origin__", None) is tuple


def _guess(text: str) -> object:
    """A plug-in's setting in the environment: a number or true/false where it looks like one."""
    if text in ("true", "false"):
        return text == "true"
    try:
        return int(text)
    except ValueError:
        pass
    try:
        value = float(text)
    except ValueError:
        return text
    return value if math.isfinite(value) else text


def _asterisk_url(text: str) -> str:
    """The URL without ``/ari``."""
    url = urlsplit(text)
    if url.scheme not in ("http", "https") or not url.hostname or url.query or url.fragment:
        raise ValueError("not a URL such as http://127.0.0.1:8088/ari")
    if url.username is not None:
        raise ValueError("credentials stand in username and password, not in the URL")
    return text.rstrip("/").removesuffix("/ari")


def _allow(entries: tuple[str, ...]) -> tuple[str, ...]:
    Policy.parse(entries)
    return entries


def _proxies(entries: tuple[str, ...]) -> tuple[str, ...]:
    for index, entry in enumerate(entries):
        try:
            network = ip_network(entry)
        except ValueError:
            reason = f"[{index}] is not an address or a network such as 10.0.0.0/8"
            raise ValueError(reason) from None
        if network.prefixlen == 0:
            raise ValueError(f"[{index}] would believe everybody")
    return entries


def _retry(delays: tuple[float, ...]) -> tuple[float, ...]:
    if any(not 0 <= delay <= 7 * 86400 for delay in delays):
        raise ValueError("each is from 0 seconds to 7 days")
    return delays


def _different(names: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(names)) < len(names):
        raise ValueError("a plug-in is named twice")
    return names


def _token(token: Secret) -> Secret:
    if not _TOKEN.fullmatch(token.reveal()):
        raise ValueError("a token has 24 to 256 printable ASCII characters without spaces")
    return token


def _unchanged(value: Any) -> Any:
    return value


_CHECKS: dict[str, dict[str, Check]] = {
    "admin": {"token": _token},
    "http": {"trusted_proxies": _proxies},
    "asterisk": {"url": _asterisk_url},
    "webhooks": {"allow": _allow, "retry": _retry},
    "plugins": {"tts": _different, "asr": _different},
}
