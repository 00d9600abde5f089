"""What an instance is made of: the named settings that its templates and its process use."""

from __future__ import annotations

import hashlib
import re
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Self

from launcher.errors import LauncherError

ADAPTER = "adapter"
CARRIER = "carrier"
ROLES = (ADAPTER, CARRIER)

_WORD = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")
_SECRET = re.compile(r"^[A-Za-z0-9._~+/=-]{8,128}$")
_ADDRESS = re.compile(r"^[0-9]{1,3}(\.[0-9]{1,3}){3}$")
_NETWORK = re.compile(r"^[0-9]{1,3}(\.[0-9]{1,3}){3}(/[0-9]{1,2})?$")
_HOST_PORT = re.compile(r"^[A-Za-z0-9.-]+:[0-9]{1,5}$")
_LONGEST_SOCKET = 107  # sun_path has 108 bytes, one is the final NUL (unix(7))


@dataclass(frozen=True, slots=True)
class Settings:
    """An instance's settings; `instance.json` keeps them, so that a restart has the same."""

    role: str
    dir: str
    name: str
    app: str
    bind: str
    http_bind: str
    http_port: int
    ami_port: int
    sip_port: int
    rtp_start: int
    rtp_end: int
    ari_user: str
    ari_password: str
    adapter_sip: str = ""
    trunk_password: str = ""
    user: str = ""
    external_address: str = ""
    local_net: tuple[str, ...] = ()
    tls_port: int = 0
    tls_cert: str = ""
    tls_key: str = ""
    tls_ca: str = ""
    adapter_tls: str = ""

    def checked(self) -> Self:
        """Return self. Raises LauncherError for what would break a configuration file."""
        for what in ("name", "app", "ari_user"):
            _demand(_WORD, what, str(getattr(self, what)))
        for what in ("bind", "http_bind"):
            _demand(_ADDRESS, what, str(getattr(self, what)))
        if self.external_address:
            _demand(_ADDRESS, "--external-address", self.external_address)
        for network in self.local_net:
            _demand(_NETWORK, "--local-net", network)
        _demand(_SECRET, "ARI password", self.ari_password, shown=False)
        if self.role == CARRIER:
            _demand(_HOST_PORT, "--adapter-sip", self.adapter_sip)
            _demand(_SECRET, "trunk password", self.trunk_password, shown=False)
        _demand_name("the folder", self.dir)
        self._check_tls()
        socket = f"{self.dir}/run/asterisk.ctl"
        if len(socket.encode()) > _LONGEST_SOCKET:
            raise LauncherError(f"the folder's name is too long for a UNIX socket: {socket}")
        return self

    def _check_tls(self) -> None:
        if bool(self.tls_cert) != bool(self.tls_key):
            raise LauncherError("--tls-cert and --tls-key go together")
        if not self.tls_cert:
            return
        for option in ("tls_cert", "tls_key", "tls_ca"):
            file = getattr(self, option)
            _demand_name(f"--{option.replace('_', '-')}", file)
            if not Path(file).is_file():
                raise LauncherError(f"--{option.replace('_', '-')}: no such file: {file}")
        if self.role == CARRIER:
            _demand(_HOST_PORT, "--adapter-tls", self.adapter_tls)

    @property
    def reach(self) -> str:
        """The address at which this machine reaches the instance's HTTP server."""
        return "127.0.0.1" if self.http_bind == "0.0.0.0" else self.http_bind  # noqa: S104

    @property
    def names(self) -> dict[str, str]:
        """Settings as the templates name them."""
        digest = hashlib.sha256(f"{self.name}{self.dir}".encode()).digest()
        host = "127.0.0.1" if self.bind == "0.0.0.0" else self.bind  # noqa: S104
        return {
            **{name: str(value) for name, value in asdict(self).items()},
            # 02: an address of local administration, so it can be no real card's
            "entity": ":".join(["02", *(f"{byte:02x}" for byte in digest[:5])]),
            "contact": f"{host}:{self.sip_port}",
            "transmit_silence": "yes" if self.role == CARRIER else "no",
            "nat": "\n".join(self._nat),
        }

    @property
    def _nat(self) -> list[str]:
        """Lines of a transport behind address translation."""
        if not self.external_address:
            return []
        return [
            f"external_signaling_address = {self.external_address}",
            f"external_media_address = {self.external_address}",
            *(f"local_net = {network}" for network in self.local_net),
        ]

    def to_json(self) -> dict[str, Any]:
        """Plain values, for instance.json."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        """Read what `to_json` made; other keys are left aside."""
        fields = {name: values[name] for name in cls.__slots__ if name in values}
        return cls(**fields | {"local_net": tuple(fields.get("local_net", ()))})

    def at(self, folder: Path) -> Self:
        """The same settings for another folder."""
        return replace(self, dir=str(folder))


def _demand(pattern: re.Pattern[str], what: str, value: str, *, shown: bool = True) -> None:
    if pattern.match(value) is None or value != value.strip():
        raise LauncherError(f"{what} is malformed: {value!r}" if shown else f"{what} is malformed")


def _demand_name(what: str, path: str) -> None:
    """The path can stand in a configuration file."""
    if re.search(r"[\s;,()%\[\]]", path):
        raise LauncherError(f"{what}: its name must have no spaces, ';', ',' or brackets: {path}")
