"""More of the engine's ports: ears that hear what a test says, a recorder; and all as one world."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from adapter.core.faults import ListeningFailed, RecordingFailed
from adapter.core.ids import CallId, ChannelId, RecordingId
from adapter.core.inputs import Admitted, NotAdmitted
from adapter.core.model import Call, Heard, Listen, Saved
from adapter.core.outputs import Admit
from adapter.engine.ports import World
from tests.fakes.engine_ports import ScriptedApplications, SimulatedAsterisk, SlowSpeech


@dataclass
class ScriptedEars:
    """Hears what a test says.

    Attributes:
        open: connections that are listened to, with what is told when speech begins.
    """

    open: dict[str, tuple[Callable[[], None], asyncio.Future[Heard]]] = field(default_factory=dict)

    async def listen(self, connection: str, listen: Listen, began: Callable[[], None]) -> Heard:
        """Wait until somebody has spoken."""
        heard: asyncio.Future[Heard] = asyncio.get_running_loop().create_future()
        self.open[connection] = (began, heard)
        try:
            return await heard
        finally:
            del self.open[connection]

    def begins(self) -> None:
        """The caller begins to speak."""
        for began, _ in self.open.values():
            began()

    def hears(self, text: str) -> None:
        """The caller has spoken."""
        for _, heard in self.open.values():
            heard.set_result(Heard(text=text, confidence=0.9))

    def fails(self) -> None:
        """The recogniser is gone."""
        for _, heard in self.open.values():
            heard.set_exception(ListeningFailed("gone"))


@dataclass
class SimulatedRecorder:
    """Records; a recording that was started can be saved.

    Attributes:
        broken: nothing can be started or renewed.
        gate: saving waits for it.
        kept: whose recordings are.
    """

    broken: bool = False
    gate: asyncio.Event | None = None
    kept: dict[RecordingId, CallId] = field(default_factory=dict)
    running: dict[RecordingId, ChannelId] = field(default_factory=dict)
    saved: list[RecordingId] = field(default_factory=list)
    renewed: list[RecordingId] = field(default_factory=list)

    def keep(self, call: Call, recording: RecordingId) -> None:
        """Write down whose it is."""
        self.kept[recording] = call.id

    async def start(self, channel: ChannelId, recording: RecordingId) -> None:
        """Begin."""
        await asyncio.sleep(0)
        if self.broken:
            raise RecordingFailed("no space left")
        self.running[recording] = channel

    async def renew(self, channel: ChannelId, recording: RecordingId) -> None:
        """Go on."""
        await asyncio.sleep(0)
        if self.broken:
            raise RecordingFailed("no such channel")
        self.renewed.append(recording)

    async def save(self, channel: ChannelId | None, recording: RecordingId) -> Saved:
        """End."""
        await (self.gate.wait() if self.gate else asyncio.sleep(0))
        if recording not in self.running:
            raise RecordingFailed("no file")
        self.saved.append(recording)
        return Saved(seconds=1.5, size=24_044, sha256="00" * 32)


@dataclass
class ScriptedAdmissions:
    """Admits who names the code of a tenant.

    Attributes:
        owners: tenants by their codes.
        judged: codes, in order.
        broken: nothing can be judged.
    """

    owners: dict[str, str] = field(default_factory=dict)
    judged: list[str] = field(default_factory=list)
    broken: bool = False

    def admit(self, call: Call, order: Admit) -> Admitted | NotAdmitted:
        """Judge a code."""
        self.judged.append(order.code)
        if self.broken:
            raise RuntimeError("no database")
        owner = self.owners.get(order.code)
        if owner is None:
            return NotAdmitted(attempt=order.attempt)
        return Admitted(attempt=order.attempt, owner=owner, accept_timeout=30.0)


def world_of(
    asterisk: SimulatedAsterisk,
    speech: SlowSpeech,
    applications: ScriptedApplications,
    ears: ScriptedEars | None = None,
    recorder: SimulatedRecorder | None = None,
    admissions: ScriptedAdmissions | None = None,
) -> World:
    """All of it, as the engine takes it."""
    return World(
        asterisk=asterisk,
        speech=speech,
        applications=applications,
        admissions=admissions or ScriptedAdmissions(),
        ears=ears or ScriptedEars(),
        recorder=recorder or SimulatedRecorder(),
    )
