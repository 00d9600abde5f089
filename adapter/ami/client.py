"""AmiClient: a connection to AMI that comes back when it is lost, and a method for each action.

States::

    connecting ──logged in──▶ connected ──closed, or a ping unanswered──▶ waiting
        ├──refused, nobody there, too late──▶ waiting
        ◀──delay── waiting

An action waits for the connection, and for its answer, a few seconds together; it is sent once and
never again. What is worth repeating is the caller's decision.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, Final

from adapter.ami.connection import Connection
from adapter.ami.errors import AmiError, InvalidValue, NoAnswer, Refused

log = logging.getLogger(__name__)

_PLAIN: Final = re.compile(r"[A-Za-z0-9/._~=+()@-]{1,2000}")
"""Letters of ids, paths and options: no line end, and no comma, which separates arguments."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """Seconds.

    Attributes:
        answer: for an action, waiting for the connection included, and for connecting.
        ping: between two signs of life.
        delays: before each further attempt to connect; the last one again and again.
    """

    answer: float = 3.0
    ping: float = 10.0
    delays: tuple[float, ...] = (0.1, 0.5, 1.0, 2.0, 5.0)


class AmiClient:
    """The connection. `start` it, `close` it.

    Args:
        host: where AMI listens.
        port: its TCP port.
        username: as in manager.conf.
        secret: that user's.
        times: see `Times`.
    """

    def __init__(
        self, host: str, port: int, username: str, secret: str, times: Times | None = None
    ) -> None:
        self._host, self._port = host, port
        self._username, self._secret = username, secret
        self._times = times or Times()
        self._connection: asyncio.Future[Connection] | None = None
        self._task: asyncio.Task[None] | None = None
        self._at_login: list[Callable[[], Coroutine[Any, Any, None]]] = []

    @property
    def connected(self) -> bool:
        """Whether it is logged in."""
        return self._connection is not None and self._connection.done()

    def start(self) -> None:
        """Begin to connect, in a task of its own. Once."""
        self._connection = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._supervise(), name="ami")

    async def close(self) -> None:
        """Close the connection and end the task. Actions under way get NoAnswer."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    def at_login(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run this at each login from now on, until the connection is lost. It must not raise."""
        self._at_login.append(work)

    async def ping(self) -> None:
        """Ask for a sign of life. Raises NoAnswer."""
        await self._send("Ping", {})

    async def getvar(self, channel: str, variable: str) -> str:
        """A variable of a channel; empty when it is not set.

        Raises:
            InvalidValue, NoAnswer: see `adapter.ami.errors`.
            Refused: "No such channel".
        """
        answer = await self._send("Getvar", {"Channel": channel, "Variable": variable})
        return answer.get("value", "")

    async def mix_monitor(self, channel: str, file: str, options: str) -> None:
        """Begin to record a channel, bridged or not.

        A success says little: a file that cannot be written is only a line in Asterisk's log
        (lab2.md, 20).

        Args:
            channel: its name or id.
            file: absolute path, with the ending that says the format.
            options: of MixMonitor.

        Raises:
            InvalidValue, NoAnswer: see `adapter.ami.errors`.
            Refused: "No such channel" among others.
        """
        await self._send("MixMonitor", {"Channel": channel, "File": file, "Options": options})

    async def stop_mix_monitor(self, channel: str, monitor: str) -> None:
        """End one recording of a channel; its files are whole when this returns (lab2.md, 20).

        Raises:
            InvalidValue, NoAnswer: see `adapter.ami.errors`.
            Refused: no such channel, or it is not being recorded.
        """
        await self._send("StopMixMonitor", {"Channel": channel, "MixMonitorID": monitor})

    async def _send(self, action: str, fields: Mapping[str, str]) -> Mapping[str, str]:
        for name, value in fields.items():
            if not _PLAIN.fullmatch(value):
                raise InvalidValue(f"{action}: {name} has characters that do not belong there")
        if self._connection is None:
            raise NoAnswer(action, "not started")
        connection: Connection | None = None
        try:
            async with asyncio.timeout(self._times.answer):
                connection = await asyncio.shield(self._connection)
                return await connection.ask(action, fields)
        except TimeoutError:
            if connection is not None:  # who does not answer once will not do so in order either
                connection.close()
            raise NoAnswer(action, "no answer in time") from None

    async def _supervise(self) -> None:
        """Connect, and connect again, until cancelled."""
        attempt = 0
        while True:
            connection = await self._connect(attempt)
            if connection is not None:
                try:
                    if await self._use(connection):
                        attempt = 0
                finally:
                    connection.close()
                log.warning("AMI connection lost")
            delays = self._times.delays
            await asyncio.sleep(delays[min(attempt, len(delays) - 1)])
            attempt += 1

    async def _connect(self, attempt: int) -> Connection | None:
        try:
            async with asyncio.timeout(self._times.answer):
                return await Connection.open(self._host, self._port, self._username, self._secret)
        except (OSError, AmiError) as error:  # a TimeoutError is an OSError
            if attempt == 0 or isinstance(error, Refused):
                log.warning("no AMI connection", extra={"reason": str(error) or "no answer"})
            return None

    async def _use(self, connection: Connection) -> bool:
        """Offer the connection to actions until it is lost; whether it answered a ping."""
        assert self._connection is not None  # noqa: S101 - start made it
        self._connection.set_result(connection)
        log.info("AMI connected")
        beside = [asyncio.create_task(work()) for work in self._at_login]
        stable = False
        try:
            while not connection.lost.done():
                await asyncio.wait({connection.lost}, timeout=self._times.ping)
                if not connection.lost.done():
                    await self.ping()
                    stable = True
        except AmiError as error:
            log.warning("AMI ping failed", extra={"reason": str(error)})
        finally:
            self._connection = asyncio.get_running_loop().create_future()
            for task in beside:
                task.cancel()
        return stable
