"""What effects make of Asterisk, as far as who hears whom: to be compared with the row.

It knows the rules of lab2.md and of decision 0017 that an order can break, and fails when one does.
Nothing waits here: an order has been carried out when it was given.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from adapter.core import inputs as i
from adapter.core import outputs as o
from adapter.core.ids import BridgeId, ChannelId, ListeningId, PlaybackId
from adapter.core.layout import Layout, layout
from adapter.core.model import Call, LegState, Listen
from adapter.core.outputs import Sound


@dataclass
class Switchboard:
    """Channels, bridges, sounds and ears of one call.

    Attributes:
        channels: that are there, and were not told to go.
        gone: that were told to go, or went.
        bridges: with their members.
        used: ids that may not be used again.
        playing: playbacks that were not stopped.
        dialled: channels that were dialled.
        again: orders that were carried out already may come again, as after a restart.
    """

    channels: set[ChannelId] = field(default_factory=set)
    gone: set[ChannelId] = field(default_factory=set)
    bridges: dict[BridgeId, set[ChannelId]] = field(default_factory=dict)
    sounds: set[tuple[ChannelId, Sound]] = field(default_factory=set)
    listening: dict[ListeningId, Listen] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    playing: set[PlaybackId] = field(default_factory=set)
    dialled: set[ChannelId] = field(default_factory=set)
    again: bool = False

    @classmethod
    def of(cls, call: Call) -> Switchboard:
        """Asterisk as a row says, with all that it has ordered so far."""
        where = layout(call)
        legs = [leg for leg in call.further_legs if leg.state is not LegState.PLACING]
        channels = {call.channel, *(leg.channel for leg in call.further_legs)}
        return cls(
            channels=channels,
            bridges={where.bridge: set(where.members)} if where.bridge else {},
            sounds=set(where.sounds),
            listening=dict([where.listening] if where.listening else []),
            used={*channels, *([where.bridge] if where.bridge else [])},
            dialled={leg.channel for leg in legs},
        )

    def hear(self, given: i.Input) -> None:
        """What an input says has happened in Asterisk."""
        match given:
            case i.OfferCall(channel=channel):
                self.channels.add(channel)
            case i.ChannelGone(channel=channel):
                self._leave(channel)
            case i.BridgeRefused(bridge=bridge):
                self.bridges.setdefault(bridge, set())
            case i.PlaybackFinished(playback=playback) | i.PlaybackRefused(playback=playback):
                self.playing.discard(playback)

    def carry_out(self, effects: Iterable[o.Effect]) -> None:
        """Carry orders out, one after the other."""
        for effect in effects:
            self._channel(effect)

    def shows(self) -> Layout:
        """What there is now."""
        assert len(self.bridges) <= 1
        ((bridge, members),) = self.bridges.items() or ((None, set()),)
        ((listening, listen),) = self.listening.items() or ((None, None),)
        return Layout(
            bridge=bridge,
            members=frozenset(members),
            sounds=frozenset(self.sounds),
            listening=(listening, listen) if listening and listen else None,
        )

    def agrees(self, call: Call) -> bool:
        """Whether everything is as the row says."""
        return self.shows() == layout(call)

    def _channel(self, effect: o.Effect) -> None:
        match effect:
            case o.CreateChannel(channel=channel):
                if not (self.again and channel in self.channels):
                    self._use(channel)
                self.channels.add(channel)
            case o.Hangup(channel=channel):
                self._leave(channel)
            case o.Dial(channel=channel, caller=caller):
                assert channel in self.channels
                waits = {channel} & self._members
                assert (caller is not None) == bool(waits), "dialled for who waits in the bridge"
                assert channel not in self.dialled, "Asterisk dials twice"
                self.dialled.add(channel)
            case o.Play(channel=channel, playback=playback):
                assert channel in self.channels
                assert channel not in {one for one, _ in self.sounds}, "a play ends what is heard"
                assert channel not in self._members
                self._use(playback)
                self.playing.add(playback)
            case o.StopPlayback(playback=playback):
                self.playing.discard(playback)
            case o.StartListening(listening=listening, channel=channel, listen=listen):
                assert channel in self.channels
                self._use(listening)
                self.listening[listening] = listen
            case o.StopListening(listening=listening):
                del self.listening[listening]
            case _:
                self._join(effect)

    def _join(self, effect: o.Effect) -> None:
        match effect:
            case o.CreateBridge(bridge=bridge):
                self._use(bridge)
                self.bridges[bridge] = set()
            case o.AddToBridge(bridge=bridge, channel=channel):
                assert channel in self.channels
                assert self.again or channel not in self._members, "it is in the bridge already"
                assert (channel, Sound.MUSIC) not in self.sounds, "out of the music first"
                assert not self.playing, "nothing plays in a bridge"
                self.bridges[bridge].add(channel)
            case o.RemoveFromBridge(bridge=bridge, channel=channel):
                assert channel in self.channels
                assert self.again or channel in self.bridges[bridge]
                self.bridges[bridge].discard(channel)
            case o.DestroyBridge(bridge=bridge):
                del self.bridges[bridge]
            case o.StartSound(channel=channel, sound=sound):
                assert channel in self.channels
                others = {one for one in self.sounds if one[0] == channel} - {(channel, sound)}
                assert not others, "one thing at a time"
                assert self.again or (channel, sound) not in self.sounds
                assert sound is not Sound.MUSIC or channel not in self._members
                self.sounds.add((channel, sound))
            case o.StopSound(channel=channel, sound=sound):
                assert channel in self.channels
                assert self.again or (channel, sound) in self.sounds
                self.sounds.discard((channel, sound))

    @property
    def _members(self) -> set[ChannelId]:
        """Everybody who is in a bridge."""
        return set[ChannelId]().union(*self.bridges.values())

    def _use(self, name: str) -> None:
        assert name not in self.used, "no id is used twice"
        self.used.add(name)

    def _leave(self, channel: ChannelId) -> None:
        """It is gone, and with it what it heard."""
        self.channels.discard(channel)
        self.gone.add(channel)
        for members in self.bridges.values():
            members.discard(channel)
        self.sounds = {(one, sound) for one, sound in self.sounds if one != channel}
