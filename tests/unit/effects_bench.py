"""What the tests of effects that are slow share: a runner, with simulated ports around it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from adapter.core import inputs as i
from adapter.core import outputs as o
from adapter.core.ids import CallId, channel_of
from adapter.core.model import Call
from adapter.engine.effects import Effects
from adapter.engine.ports import World
from tests.fakes.engine_ports import ScriptedApplications, SimulatedAsterisk, SlowSpeech
from tests.fakes.engine_world import ScriptedEars, SimulatedRecorder, world_of
from tests.unit.build import call_id

ONE = call_id(1)
CHANNEL = channel_of(ONE, 1)


class Bench:
    """A runner with what it needs, and the facts that came back."""

    def __init__(
        self, recorder: SimulatedRecorder | None = None, asterisk: SimulatedAsterisk | None = None
    ) -> None:
        self.asterisk = asterisk or SimulatedAsterisk()
        self.recorder = recorder or SimulatedRecorder()
        self.ears = ScriptedEars()
        self.facts: list[i.Input] = []
        self.rows: dict[CallId, Call] = {}
        self.effects = Effects(self._world(), self.rows.get, self._tell())

    def _world(self) -> World:
        speech, applications = SlowSpeech(), ScriptedApplications()
        return world_of(self.asterisk, speech, applications, self.ears, self.recorder)

    def _tell(self) -> Callable[[CallId, i.Input], None]:
        def tell(call: CallId, fact: i.Input) -> None:
            assert call == ONE
            self.facts.append(fact)

        return tell

    async def run(self, *effects: o.Effect) -> list[i.Input]:
        """Run effects of a call; all facts so far."""
        self.effects.run(ONE, effects)
        await self.settle()
        return self.facts

    async def settle(self) -> None:
        for _ in range(20):
            await asyncio.sleep(0)
