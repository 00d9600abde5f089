"""The settings of the server, as frozen values. How they are read is `adapter.configuration`.

What a setting means stands beside it, in its `Meta`; docs/settings.md is the same as a table, and a
test compares. Provisioning (apps, numbers, trunks) is not here: that is data, see
`adapter.contracts.admin`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta, Struct

from adapter.core.masked import Secret
from adapter.tables import default_of, join, meaning

PREFIX: Final = "ARI_VOICE_"

Seconds = Annotated[float, Meta(gt=0, le=86400)]


class Http(Struct, frozen=True, kw_only=True):
    """Where the adapter serves."""

    host: Annotated[str, Meta(description="address to listen on")] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535, description="TCP port; 0 takes any free one")] = 8080
    tls_cert: Annotated[
        Path | None, Meta(description="PEM file with the certificate and its chain; turns TLS on")
    ] = None
    tls_key: Annotated[Path | None, Meta(description="PEM file with its private key")] = None
    trusted_proxies: Annotated[
        tuple[str, ...],
        Meta(description="networks of reverse proxies whose X-Forwarded-For is believed"),
    ] = ()
    public_url: Annotated[
        str | None,
        Meta(description="how applications reach it, in webhooks; made of host and port if unset"),
    ] = None

    @property
    def base_url(self) -> str:
        """Base of the URLs that webhooks carry, without a slash at its end."""
        scheme = "https" if self.tls_cert else "http"
        return (self.public_url or f"{scheme}://{self.host}:{self.port}").rstrip("/")


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
    ami_host: Annotated[
        str, Meta(description="where its AMI listens; empty: on the host of url")
    ] = ""
    ami_port: Annotated[int, Meta(ge=1, le=65535, description="TCP port of its AMI")] = 5038
    ami_username: Annotated[str, Meta(description="user in manager.conf; empty: as for ARI")] = ""
    ami_password: Annotated[
        Secret,
        Meta(description="that user's password; this or ami_password_file; empty: as for ARI"),
    ] = Secret("")
    ami_password_file: Annotated[
        Path | None, Meta(description="file whose first line is that password")
    ] = None


class Database(Struct, frozen=True, kw_only=True):
    """The SQLite file."""

    path: Annotated[Path, Meta(description="the file; its folder is made when missing")] = Path(
        "var/ari-voice.db"
    )
    synchronous: Annotated[
        Literal["normal", "full"],
        Meta(description="normal survives the death of the process, full a power cut as well"),
    ] = "normal"
    checkpoint: Annotated[
        bool, Meta(description="empty the write-ahead log; false when Litestream does that")
    ] = True


class Media(Struct, frozen=True, kw_only=True):
    """Audio files."""

    folder: Annotated[
        Path,
        Meta(description="prompts and rendered speech; Asterisk reads it under the same path"),
    ] = Path("var/media")
    cache_bytes: Annotated[
        int, Meta(ge=1 << 20, description="size that rendered speech may take")
    ] = 1 << 30


class Recordings(Struct, frozen=True, kw_only=True):
    """Recordings of calls."""

    folder: Annotated[
        Path, Meta(description="their files; Asterisk writes there under the same path")
    ] = Path("var/recordings")
    keep_days: Annotated[
        Annotated[float, Meta(ge=1, le=3650)],
        Meta(description="days until a recording is removed"),
    ] = 30.0
    min_free_bytes: Annotated[
        int, Meta(ge=0, description="with less space free, no recording starts")
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
    asr: Annotated[
        tuple[str, ...], Meta(description="speech recognisers, the preferred one first")
    ] = ("pocketsphinx",)
    settings: Mapping[str, Mapping[str, object]] = {}

    def __repr__(self) -> str:
        return f"Plugins(tts={self.tts!r}, asr={self.asr!r}, settings of {sorted(self.settings)})"


class Admin(Struct, frozen=True, kw_only=True):
    """The admin API, which may do everything; without a token there is none."""

    token: Annotated[
        Secret,
        Meta(description="of the admin API, at least 24 characters; without one it is off"),
    ] = Secret("")
    token_file: Annotated[Path | None, Meta(description="file whose first line is the token")] = (
        None
    )


class Calls(Struct, frozen=True, kw_only=True):
    """Limits of a call."""

    max_duration: Annotated[
        Seconds, Meta(description="seconds after the answer when a call is ended")
    ] = 14400.0
    ring_timeout: Annotated[
        Annotated[float, Meta(ge=1, le=600)],
        Meta(description="seconds that an outbound call may ring"),
    ] = 60.0
    rtp_timeout: Annotated[
        Annotated[int, Meta(ge=0, le=86400)],
        Meta(description="seconds without audio from the far end that end a leg; 0: never"),
    ] = 60
    rtp_timeout_hold: Annotated[
        Annotated[int, Meta(ge=0, le=86400)],
        Meta(description="the same while the far end holds the call"),
    ] = 600


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
    dead_letters_days: Annotated[
        Annotated[float, Meta(gt=0, le=3650)],
        Meta(description="days for webhooks that were given up"),
    ] = 30.0
    answers_hours: Annotated[
        Annotated[float, Meta(gt=0, le=87600)],
        Meta(description="hours for answers to requests with an Idempotency-Key"),
    ] = 24.0


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
    recordings: Recordings = Recordings()
    webhooks: Webhooks = Webhooks()
    plugins: Plugins = Plugins()
    admin: Admin = Admin()
    calls: Calls = Calls()
    log: Log = Log()
    drain: Drain = Drain()
    retention: Retention = Retention()


@dataclass(frozen=True, slots=True)
class Described:
    """One setting, for the documentation: key, environment variable, default and meaning."""

    key: str
    variable: str
    default: str
    meaning: str


def described() -> Iterator[Described]:
    """Every setting, in order."""
    for one in msgspec.structs.fields(Settings):
        if not is_section(one.type):
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
    elif isinstance(default, bool):
        text = str(default).lower()
    elif isinstance(default, float):
        text = f"{default:g}"
    else:
        text = "" if default is None or default == Secret("") else str(default)
    return Described(key, variable_of(key), text, meaning(one.type))


def variable_of(key: str) -> str:
    """``http.port`` -> ``ARI_VOICE_HTTP__PORT``."""
    return PREFIX + key.replace(".", "__").upper()


def is_section(kind: Any) -> bool:
    """Whether a field of `Settings` is a table of settings."""
    return isinstance(kind, type) and issubclass(kind, Struct)
