"""The requests we may make, as data: name, method, path and parameters.

Names of paths and parameters are those of Asterisk's own rest-api/api-docs/*.json, so that a live
test can hold them against the running Asterisk. Parameters travel in the query or, for `json`
verbs, in the body under the same names.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_PLACEHOLDER = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Verb:
    """One request. `params` are the query or body parameters that we ever send."""

    name: str
    method: str
    path: str
    params: tuple[str, ...] = ()
    fixed: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "fixed", tuple(_PLACEHOLDER.split(self.path)[::2]))

    @property
    def resource(self) -> str:
        """The api-docs file that describes it: "channels" of "/channels/{channelId}"."""
        return self.path.split("/")[1]


def _channel(name: str, method: str, tail: str = "", *params: str) -> Verb:
    return Verb(name, method, f"/channels/{{channelId}}{tail}", params)


def _bridge(name: str, method: str, tail: str = "", *params: str) -> Verb:
    return Verb(name, method, f"/bridges/{{bridgeId}}{tail}", params)


_CONFIG = "/asterisk/config/dynamic/{configClass}/{objectType}/{id}"
_RECORD = ("name", "format", "maxDurationSeconds", "maxSilenceSeconds", "ifExists", "beep")

PING = Verb("ping", "GET", "/asterisk/ping")
INFO = Verb("info", "GET", "/asterisk/info", ("only",))
GET_CONFIG = Verb("get_config", "GET", _CONFIG)
PUT_CONFIG = Verb("put_config", "PUT", _CONFIG, ("fields",))
DELETE_CONFIG = Verb("delete_config", "DELETE", _CONFIG)

EVENTS = Verb("events", "GET", "/events", ("app",))
GET_APPLICATION = Verb("get_application", "GET", "/applications/{applicationName}")
SUBSCRIBE = Verb(
    "subscribe", "POST", "/applications/{applicationName}/subscription", ("eventSource",)
)
EVENT_FILTER = Verb("event_filter", "PUT", "/applications/{applicationName}/eventFilter")
LIST_ENDPOINTS = Verb("list_endpoints", "GET", "/endpoints")

LIST_CHANNELS = Verb("list_channels", "GET", "/channels")
CREATE_CHANNEL = Verb(
    "create_channel",
    "POST",
    "/channels/create",
    ("endpoint", "app", "appArgs", "channelId", "originator", "variables"),
)
EXTERNAL_MEDIA = Verb(
    "external_media",
    "POST",
    "/channels/externalMedia",
    (
        "channelId", "app", "external_host", "encapsulation", "transport",
        "connection_type", "format", "direction", "data", "transport_data",
    ),
)  # fmt: skip
GET_CHANNEL = _channel("get_channel", "GET")
HANGUP = _channel("hangup", "DELETE", "", "reason", "reason_code")
DIAL = _channel("dial", "POST", "/dial", "caller", "timeout")
RING = _channel("ring", "POST", "/ring")
STOP_RINGING = _channel("stop_ringing", "DELETE", "/ring")
ANSWER = _channel("answer", "POST", "/answer")
PLAY = _channel("play", "POST", "/play", "media", "playbackId")
SEND_DTMF = _channel("send_dtmf", "POST", "/dtmf", "dtmf", "between", "duration")
GET_VARIABLE = _channel("get_variable", "GET", "/variable", "variable")
SET_VARIABLE = _channel("set_variable", "POST", "/variable", "variable", "value", "report_events")
CONTINUE = _channel("continue", "POST", "/continue", "context", "extension", "priority")
REDIRECT = _channel("redirect", "POST", "/redirect", "endpoint")
TRANSFER_PROGRESS = _channel("transfer_progress", "POST", "/transfer_progress", "states")
HOLD = _channel("hold", "POST", "/hold")
UNHOLD = _channel("unhold", "DELETE", "/hold")
START_MOH = _channel("start_moh", "POST", "/moh", "mohClass")
STOP_MOH = _channel("stop_moh", "DELETE", "/moh")
START_SILENCE = _channel("start_silence", "POST", "/silence")
STOP_SILENCE = _channel("stop_silence", "DELETE", "/silence")
MUTE = _channel("mute", "POST", "/mute", "direction")
UNMUTE = _channel("unmute", "DELETE", "/mute", "direction")
RECORD = _channel("record", "POST", "/record", *_RECORD)
SNOOP = Verb(
    "snoop", "POST", "/channels/{channelId}/snoop/{snoopId}", ("app", "spy", "whisper", "appArgs")
)

GET_PLAYBACK = Verb("get_playback", "GET", "/playbacks/{playbackId}")
STOP_PLAYBACK = Verb("stop_playback", "DELETE", "/playbacks/{playbackId}")

LIST_BRIDGES = Verb("list_bridges", "GET", "/bridges")
CREATE_BRIDGE = Verb("create_bridge", "POST", "/bridges", ("type", "bridgeId", "name"))
GET_BRIDGE = _bridge("get_bridge", "GET")
DELETE_BRIDGE = _bridge("delete_bridge", "DELETE")
ADD_CHANNEL = _bridge("add_channel", "POST", "/addChannel", "channel", "absorbDTMF", "mute")
REMOVE_CHANNEL = _bridge("remove_channel", "POST", "/removeChannel", "channel")
PLAY_ON_BRIDGE = _bridge("play_on_bridge", "POST", "/play", "media", "playbackId")
RECORD_BRIDGE = _bridge("record_bridge", "POST", "/record", *_RECORD)
START_BRIDGE_MOH = _bridge("start_bridge_moh", "POST", "/moh", "mohClass")
STOP_BRIDGE_MOH = _bridge("stop_bridge_moh", "DELETE", "/moh")

STOP_RECORDING = Verb("stop_recording", "POST", "/recordings/live/{recordingName}/stop")
DISCARD_RECORDING = Verb("discard_recording", "DELETE", "/recordings/live/{recordingName}")

ALL: tuple[Verb, ...] = tuple(value for value in list(globals().values()) if type(value) is Verb)
"""Every verb above."""
