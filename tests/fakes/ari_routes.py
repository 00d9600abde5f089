"""The fake's routes: which request does what in the world, and the status it is answered with."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tests.fakes.ari_model import Json, Refusal, Sound, timestamp

if TYPE_CHECKING:
    from tests.fakes.ari_application import FakeApplication
    from tests.fakes.ari_server import FakeAri, Received

Reply = tuple[int, Any]
Act = Callable[["FakeAri", "Received"], Reply]
DONE: Reply = (204, None)


def _given(received: Received) -> Json:
    """Parameters, from the query or the body, as ARI takes them."""
    body = received.body if isinstance(received.body, dict) else {}
    return {**body, **received.query}


def _needed(received: Received, name: str) -> str:
    value = _given(received).get(name)
    if not isinstance(value, str) or not value:
        raise Refusal(400, f"{name} is required")
    return value


def _ping(ari: FakeAri, received: Received) -> Reply:
    return 200, {"asterisk_id": "02:00:00:00:00:01", "ping": "pong", "timestamp": timestamp()}


def _info(ari: FakeAri, received: Received) -> Reply:
    return 200, {"system": {"version": ari.version, "entity_id": "02:00:00:00:00:01"}}


# Channels


def _list_channels(ari: FakeAri, received: Received) -> Reply:
    return 200, [channel.json() for channel in ari.channels.values()]


def _create(ari: FakeAri, received: Received) -> Reply:
    given = _given(received)
    args = [arg for arg in str(given.get("appArgs", "")).split(",") if arg]
    _needed(received, "app")
    variables = given.get("variables", {})
    endpoint = str(given.get("endpoint", ""))
    channel = _needed(received, "channelId")
    made = ari.world.create(endpoint, channel, args, variables)
    ari.channels[channel].originator = str(given.get("originator", ""))
    return 200, made


def _get_channel(ari: FakeAri, received: Received) -> Reply:
    return 200, ari.world.channel(received.ids["channel"], in_stasis=False).json()


def _dial(ari: FakeAri, received: Received) -> Reply:
    ari.world.dial(received.ids["channel"], float(_given(received).get("timeout", "30")))
    return DONE


def _answer(ari: FakeAri, received: Received) -> Reply:
    ari.world.answer(received.ids["channel"])
    return DONE


def _hangup(ari: FakeAri, received: Received) -> Reply:
    given = _given(received)
    reason = given.get("reason", "normal")
    ari.world.hangup(received.ids["channel"], reason, given.get("reason_code"))
    return DONE


def _play(ari: FakeAri, received: Received) -> Reply:
    given = _given(received)
    media = given.get("media", [])
    listed = media.split(",") if isinstance(media, str) else list(media)
    playback = _needed(received, "playbackId")
    return 201, ari.world.play(received.ids["channel"], listed, playback)


def _get_variable(ari: FakeAri, received: Received) -> Reply:
    name = _needed(received, "variable")
    return 200, ari.world.get_variable(received.ids["channel"], name)


def _set_variable(ari: FakeAri, received: Received) -> Reply:
    given = _given(received)
    ari.world.set_variable(
        received.ids["channel"],
        _needed(received, "variable"),
        str(given.get("value", "")),
        given.get("report_events") in ("true", True),
    )
    return DONE


def _continue(ari: FakeAri, received: Received) -> Reply:
    ari.world.leave(received.ids["channel"], _given(received).get("context", ""))
    return DONE


def _start(sound: Sound) -> Act:
    def act(ari: FakeAri, received: Received) -> Reply:
        ari.world.start_sound(received.ids["channel"], sound)
        return DONE

    return act


def _stop(sound: Sound) -> Act:
    def act(ari: FakeAri, received: Received) -> Reply:
        ari.world.stop_sound(received.ids["channel"], sound)
        return DONE

    return act


def _snoop(ari: FakeAri, received: Received) -> Reply:
    _needed(received, "app")
    spy = _given(received).get("spy", "none")
    return 200, ari.media_sockets.snoop(received.ids["channel"], received.ids["snoop"], spy)


def _external_media(ari: FakeAri, received: Received) -> Reply:
    _needed(received, "app")
    channel, host = _needed(received, "channelId"), _needed(received, "external_host")
    return 200, ari.media_sockets.external(channel, host)


def _mute(ari: FakeAri, received: Received) -> Reply:
    _needed(received, "direction")
    return _accept(ari, received)


def _accept(ari: FakeAri, received: Received) -> Reply:
    """Carry out nothing but the check that the channel is there and in Stasis."""
    ari.world.channel(received.ids["channel"])
    return DONE


# Playbacks


def _get_playback(ari: FakeAri, received: Received) -> Reply:
    playback = ari.world.playbacks.get(received.ids["playback"])
    if playback is None:
        raise Refusal(404, "Playback not found")
    return 200, playback.json()


def _stop_playback(ari: FakeAri, received: Received) -> Reply:
    ari.world.stop_playback(received.ids["playback"])
    return DONE


# Bridges


def _list_bridges(ari: FakeAri, received: Received) -> Reply:
    return 200, [ari.world.joining.json(bridge) for bridge in ari.world.bridges]


def _create_bridge(ari: FakeAri, received: Received) -> Reply:
    return 200, ari.world.joining.create(_needed(received, "bridgeId"))


def _get_bridge(ari: FakeAri, received: Received) -> Reply:
    return 200, ari.world.joining.json(received.ids["bridge"])


def _delete_bridge(ari: FakeAri, received: Received) -> Reply:
    ari.world.joining.delete(received.ids["bridge"])
    return DONE


def _add_channel(ari: FakeAri, received: Received) -> Reply:
    for channel in _needed(received, "channel").split(","):
        ari.world.joining.add(received.ids["bridge"], channel)
    return DONE


def _remove_channel(ari: FakeAri, received: Received) -> Reply:
    for channel in _needed(received, "channel").split(","):
        ari.world.joining.remove(received.ids["bridge"], channel)
    return DONE


def _bridge_moh(ari: FakeAri, received: Received) -> Reply:
    ari.world.joining.json(received.ids["bridge"])
    return DONE


# Applications, endpoints, configuration


def _application(ari: FakeAri, received: Received) -> FakeApplication:
    found = ari.applications.get(received.ids["app"])
    if found is None:
        raise Refusal(404, "Application not found")
    return found


def _get_application(ari: FakeAri, received: Received) -> Reply:
    return 200, _application(ari, received).json()


def _subscribe(ari: FakeAri, received: Received) -> Reply:
    found = _application(ari, received)
    source = _needed(received, "eventSource")
    if source.partition(":")[0] not in ("channel", "bridge", "endpoint", "deviceState"):
        raise Refusal(400, "Invalid event source scheme")
    found.asked_for.add(source)
    return 200, found.json()


def _event_filter(ari: FakeAri, received: Received) -> Reply:
    found = _application(ari, received)
    if not isinstance(received.body, dict):
        raise Refusal(400, "Invalid body")
    found.allowed = {item["type"] for item in received.body.get("allowed", [])}
    found.disallowed = {item["type"] for item in received.body.get("disallowed", [])}
    return 200, found.json()


def _list_endpoints(ari: FakeAri, received: Received) -> Reply:
    names = sorted(name for kind, name in ari.config if kind == "endpoint")
    return 200, [
        {"technology": "PJSIP", "resource": name, "state": "online", "channel_ids": []}
        for name in names
    ]


_COLLECTED = {"contact", "match"}
"""Attributes with any number of values, separated by commas in a PUT, and listed each."""


def _config_key(ari: FakeAri, received: Received, *, write: bool) -> tuple[str, str]:
    key = received.ids["kind"], received.ids["name"]
    if received.ids["class"] != "res_pjsip":
        raise Refusal(404, "Dynamic configuration class not found")
    if write and (key in ari.static_config or key[0] == "transport"):
        raise Refusal(403, "Could not create or update object")
    return key


def _get_config(ari: FakeAri, received: Received) -> Reply:
    key = _config_key(ari, received, write=False)
    if key not in ari.config:
        raise Refusal(404, "Object not found")
    return 200, _attributes(ari.config[key])


def _put_config(ari: FakeAri, received: Received) -> Reply:
    key = _config_key(ari, received, write=True)
    try:
        fields = {item["attribute"]: item["value"] for item in received.body["fields"]}
    except (KeyError, TypeError):
        raise Refusal(400, "Invalid fields") from None
    has = ari.config.setdefault(key, {})
    for name in _COLLECTED & has.keys() & fields.keys():  # Asterisk adds to them
        fields[name] = f"{has[name]},{fields[name]}"
    has.update(fields)
    return 200, _attributes(has)


def _delete_config(ari: FakeAri, received: Received) -> Reply:
    key = _config_key(ari, received, write=True)
    if ari.config.pop(key, None) is None:
        raise Refusal(404, "Object not found")
    return DONE


def _attributes(fields: dict[str, str]) -> list[Json]:
    return [
        {"attribute": name, "value": value}
        for name, values in fields.items()
        for value in (values.split(",") if name in _COLLECTED else [values])
    ]


_CHANNEL = "/channels/{channel}"
_BRIDGE = "/bridges/{bridge}"
_APP = "/applications/{app}"
_CONFIG = "/asterisk/config/dynamic/{class}/{kind}/{name}"

ROUTES: tuple[tuple[str, str, str, Act], ...] = (
    ("ping", "GET", "/asterisk/ping", _ping),
    ("info", "GET", "/asterisk/info", _info),
    ("get_config", "GET", _CONFIG, _get_config),
    ("put_config", "PUT", _CONFIG, _put_config),
    ("delete_config", "DELETE", _CONFIG, _delete_config),
    ("get_application", "GET", _APP, _get_application),
    ("subscribe", "POST", f"{_APP}/subscription", _subscribe),
    ("event_filter", "PUT", f"{_APP}/eventFilter", _event_filter),
    ("list_endpoints", "GET", "/endpoints", _list_endpoints),
    ("list_channels", "GET", "/channels", _list_channels),
    ("create_channel", "POST", "/channels/create", _create),
    ("get_channel", "GET", _CHANNEL, _get_channel),
    ("hangup", "DELETE", _CHANNEL, _hangup),
    ("dial", "POST", f"{_CHANNEL}/dial", _dial),
    ("ring", "POST", f"{_CHANNEL}/ring", _start(Sound.RINGING)),
    ("stop_ringing", "DELETE", f"{_CHANNEL}/ring", _stop(Sound.RINGING)),
    ("answer", "POST", f"{_CHANNEL}/answer", _answer),
    ("play", "POST", f"{_CHANNEL}/play", _play),
    ("send_dtmf", "POST", f"{_CHANNEL}/dtmf", _accept),
    ("get_variable", "GET", f"{_CHANNEL}/variable", _get_variable),
    ("set_variable", "POST", f"{_CHANNEL}/variable", _set_variable),
    ("continue", "POST", f"{_CHANNEL}/continue", _continue),
    ("redirect", "POST", f"{_CHANNEL}/redirect", _accept),
    ("transfer_progress", "POST", f"{_CHANNEL}/transfer_progress", _accept),
    ("hold", "POST", f"{_CHANNEL}/hold", _accept),
    ("unhold", "DELETE", f"{_CHANNEL}/hold", _accept),
    ("start_moh", "POST", f"{_CHANNEL}/moh", _start(Sound.MUSIC)),
    ("stop_moh", "DELETE", f"{_CHANNEL}/moh", _stop(Sound.MUSIC)),
    ("start_silence", "POST", f"{_CHANNEL}/silence", _start(Sound.SILENCE)),
    ("stop_silence", "DELETE", f"{_CHANNEL}/silence", _stop(Sound.SILENCE)),
    ("snoop", "POST", f"{_CHANNEL}/snoop/{{snoop}}", _snoop),
    ("external_media", "POST", "/channels/externalMedia", _external_media),
    ("mute", "POST", f"{_CHANNEL}/mute", _mute),
    ("unmute", "DELETE", f"{_CHANNEL}/mute", _mute),
    ("get_playback", "GET", "/playbacks/{playback}", _get_playback),
    ("stop_playback", "DELETE", "/playbacks/{playback}", _stop_playback),
    ("list_bridges", "GET", "/bridges", _list_bridges),
    ("create_bridge", "POST", "/bridges", _create_bridge),
    ("get_bridge", "GET", _BRIDGE, _get_bridge),
    ("delete_bridge", "DELETE", _BRIDGE, _delete_bridge),
    ("add_channel", "POST", f"{_BRIDGE}/addChannel", _add_channel),
    ("remove_channel", "POST", f"{_BRIDGE}/removeChannel", _remove_channel),
    ("start_bridge_moh", "POST", f"{_BRIDGE}/moh", _bridge_moh),
    ("stop_bridge_moh", "DELETE", f"{_BRIDGE}/moh", _bridge_moh),
)
