"""The fake Asterisk's bridges: who is in which, and the events of it.

Source: lab.md, 6. There is no media; but what another party's first frame would end (ringback and
silence, for good) ends when a second party is there. Music stays: it has to be stopped.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.fakes.ari_model import FakeChannel, Json, Refusal, Sound

Emit = Callable[[str, str, Json], None]


class FakeBridges:
    """All bridges.

    Args:
        channels: the live channels, by id.
        emit: gets every event, as (type, about, fields).
    """

    def __init__(self, channels: dict[str, FakeChannel], emit: Emit) -> None:
        self._channels = channels
        self._emit = emit
        self.members: dict[str, list[str]] = {}

    def json(self, bridge_id: str) -> Json:
        """ARI's Bridge, or 404."""
        if bridge_id not in self.members:
            raise Refusal(404, "Bridge not found")
        return {
            "id": bridge_id,
            "technology": "simple_bridge",
            "bridge_type": "mixing",
            "bridge_class": "stasis",
            "creator": "Stasis",
            "name": "",
            "channels": list(self.members[bridge_id]),
        }

    def create(self, bridge_id: str) -> Json:
        """POST /bridges."""
        if bridge_id in self.members:
            raise Refusal(409, f"Bridge with id '{bridge_id}' already exists")
        self.members[bridge_id] = []
        self._emit("BridgeCreated", f"bridge:{bridge_id}", {"bridge": self.json(bridge_id)})
        return self.json(bridge_id)

    def delete(self, bridge_id: str) -> None:
        """DELETE /bridges/{id}; channels stay."""
        for channel_id in self.json(bridge_id)["channels"]:
            self.remove(bridge_id, channel_id)
        gone = self.json(bridge_id)
        del self.members[bridge_id]
        self._emit("BridgeDestroyed", f"bridge:{bridge_id}", {"bridge": gone})

    def add(self, bridge_id: str, channel_id: str) -> None:
        """POST /bridges/{id}/addChannel: moves a channel out of where it was."""
        self.json(bridge_id)
        channel = self._channels.get(channel_id)
        if channel is None:
            raise Refusal(400, "Channel not found")
        if not channel.in_stasis:
            raise Refusal(422, "Channel not in Stasis application")
        self.leave(channel)
        self.members[bridge_id].append(channel_id)
        self._tell("ChannelEnteredBridge", bridge_id, channel)
        self.settle(channel)

    def remove(self, bridge_id: str, channel_id: str) -> None:
        """POST /bridges/{id}/removeChannel."""
        self.json(bridge_id)
        if channel_id not in self.members[bridge_id]:
            raise Refusal(422, "Channel not in this bridge")
        self.members[bridge_id].remove(channel_id)
        self._tell("ChannelLeftBridge", bridge_id, self._channels[channel_id])

    def leave(self, channel: FakeChannel) -> None:
        """Take a channel out of wherever it is."""
        for bridge_id, members in self.members.items():
            if channel.id in members:
                members.remove(channel.id)
                self._tell("ChannelLeftBridge", bridge_id, channel)

    def beside(self, channel_id: str) -> list[FakeChannel]:
        """The other channels in its bridge."""
        return [
            self._channels[other]
            for members in self.members.values()
            if channel_id in members
            for other in members
            if other != channel_id
        ]

    def settle(self, channel: FakeChannel) -> None:
        """Two that hear one another hear neither ringback nor made silence any more."""
        others = [other for other in self.beside(channel.id) if other.state == "Up"]
        for one in (channel, *others) if channel.state == "Up" and others else ():
            if one.hears is not Sound.MUSIC:
                one.hears = Sound.NOTHING

    def _tell(self, event: str, bridge_id: str, channel: FakeChannel) -> None:
        fields: dict[str, Any] = {"bridge": self.json(bridge_id), "channel": channel.json()}
        self._emit(event, f"channel:{channel.id}", fields)
