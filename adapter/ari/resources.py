"""ARI's objects, reduced to the fields that we read. Unknown fields are ignored.

Source: Asterisk 22, rest-api/api-docs/*.json (models); a live test compares.
"""

from __future__ import annotations

import re

import msgspec

_CHANNEL_NAME = re.compile(
    r"(?P<technology>[^/]*)/(?P<endpoint>.*?)(?:-[0-9a-f]{8,})?(?:;[12])?", re.DOTALL
)


class Resource(msgspec.Struct, frozen=True, gc=False):
    """Base of everything Asterisk describes: immutable, unknown fields ignored."""


class CallerId(Resource, frozen=True, gc=False):
    """A name and a number; empty text when Asterisk knows none."""

    name: str = ""
    number: str = ""


class DialplanPosition(Resource, frozen=True, gc=False, rename={"extension": "exten"}):
    """Where in the dialplan a channel stands."""

    context: str = ""
    extension: str = ""


class Channel(Resource, frozen=True, gc=False):
    """One leg as Asterisk sees it. `protocol_id` is the SIP Call-ID.

    `state` is one of Down, Rsrved, OffHook, Dialing, Ring, Ringing, Up, Busy, Unknown.
    `channelvars` holds variables set with `report_events` (lab.md, 13).
    """

    id: str
    name: str
    state: str
    protocol_id: str = ""
    caller: CallerId = CallerId()
    connected: CallerId = CallerId()
    dialplan: DialplanPosition = DialplanPosition()
    creationtime: str = ""
    caller_rdnis: str = ""
    channelvars: dict[str, str] = {}

    @property
    def technology(self) -> str:
        """Channel technology: "PJSIP" of "PJSIP/trunk-00000001"."""
        match = _CHANNEL_NAME.fullmatch(self.name)
        return match["technology"] if match else ""

    @property
    def endpoint(self) -> str:
        """Endpoint name: "my-trunk" of "PJSIP/my-trunk-00000001"; empty when there is none."""
        match = _CHANNEL_NAME.fullmatch(self.name)
        return match["endpoint"] if match else ""


class Playback(Resource, frozen=True, gc=False):
    """A playback; `state` is queued, playing, paused, continuing, done or failed."""

    id: str
    state: str
    media_uri: str = ""
    target_uri: str = ""

    @property
    def channel_id(self) -> str | None:
        """The channel it plays on, or None when it plays on a bridge."""
        return _target_channel(self.target_uri)


class Bridge(Resource, frozen=True, gc=False):
    """A bridge and the ids of the channels in it."""

    id: str
    technology: str = ""
    bridge_type: str = ""
    channels: tuple[str, ...] = ()


class LiveRecording(Resource, frozen=True, gc=False):
    """A running or just finished recording; durations are whole seconds."""

    name: str
    format: str
    state: str
    target_uri: str = ""
    duration: int | None = None
    talking_duration: int | None = None
    silence_duration: int | None = None
    cause: str = ""

    @property
    def channel_id(self) -> str | None:
        """The channel it records, or None when it records a bridge."""
        return _target_channel(self.target_uri)


class Endpoint(Resource, frozen=True, gc=False):
    """A configured peer; `state` is online, offline or unknown."""

    technology: str
    resource: str
    state: str = ""
    channel_ids: tuple[str, ...] = ()


class ContactInfo(Resource, frozen=True, gc=False):
    """Reachability of one contact. `roundtrip_usec` is decimal text, as Asterisk sends it."""

    uri: str
    contact_status: str
    aor: str
    roundtrip_usec: str = ""


class Peer(Resource, frozen=True, gc=False):
    """A peer's status word, such as Reachable or Unreachable."""

    peer_status: str
    cause: str = ""


class Application(Resource, frozen=True, gc=False):
    """A Stasis application and what it is subscribed to."""

    name: str
    channel_ids: tuple[str, ...] = ()
    bridge_ids: tuple[str, ...] = ()
    endpoint_ids: tuple[str, ...] = ()


class SystemInfo(Resource, frozen=True, gc=False):
    """The part of GET /asterisk/info that names the release."""

    version: str = ""
    entity_id: str = ""


class AsteriskInfo(Resource, frozen=True, gc=False):
    """GET /asterisk/info with `only=system`."""

    system: SystemInfo = SystemInfo()


class AsteriskPing(Resource, frozen=True, gc=False):
    """GET /asterisk/ping. `timestamp` is Asterisk's clock, ISO 8601; empty when it says none."""

    asterisk_id: str
    ping: str
    timestamp: str = ""


class Variable(Resource, frozen=True, gc=False):
    """A channel variable's value."""

    value: str


class ConfigTuple(Resource, frozen=True, gc=False):
    """One attribute of a dynamic configuration object."""

    attribute: str
    value: str


def _target_channel(target_uri: str) -> str | None:
    kind, _, target = target_uri.partition(":")
    return target if kind == "channel" else None
