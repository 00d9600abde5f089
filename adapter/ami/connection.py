"""One login to AMI, on panoramisk's protocol: what is asked is answered, or the connection is lost.

panoramisk's `Manager` is left aside. It connects again also after `close`, and after a reconnect it
sends again what had no answer, although whoever asked has given up: that would be a second
MixMonitor. Its protocol takes any factory with these few attributes. Not here: when to connect
again (`adapter.ami.client`).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from typing import Any, Final, Self

from panoramisk.ami_protocol import AMIProtocol  # type: ignore[import-untyped]  # no py.typed

from adapter.ami.errors import NoAnswer, Refused

LONGEST: Final = 64 * 1024
"""Bytes that may come without the end of a message; the longest answer to us is below 1 kB."""


class _Protocol(AMIProtocol):  # type: ignore[misc]  # panoramisk has no types
    """Closes a connection whose other end sends something else than messages."""

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.queue and len(self.queue[0]) > LONGEST:
            self.transport.abort()


class Connection:
    """A connection that is open; `open` makes it.

    Attributes:
        lost: done when it is closed, whoever closed it.
    """

    save_stream = None  # this and the next two are read by panoramisk
    forgetable_actions = ("login", "ping", "getvar", "mixmonitor", "stopmixmonitor")

    def __init__(self) -> None:
        self.awaiting_actions: deque[Any] = deque()
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._protocol: Any = None

    @classmethod
    async def open(cls, host: str, port: int, username: str, secret: str) -> Self:
        """Connect and log in, without events.

        Raises:
            OSError: nobody listens there.
            NoAnswer: it was closed before the answer.
            Refused: wrong name or password.
        """
        made = cls()
        loop = asyncio.get_running_loop()
        _, made._protocol = await loop.create_connection(_Protocol, host, port)
        made._protocol.factory = made
        made._protocol.encoding = "utf-8"
        try:
            await made.ask("Login", {"Username": username, "Secret": secret, "Events": "off"})
        except BaseException:
            made.close()
            raise
        return made

    async def ask(self, action: str, fields: Mapping[str, str]) -> Mapping[str, str]:
        """Send an action; the answer's headers, names in lower case.

        Raises:
            NoAnswer: the connection was closed.
            Refused: Asterisk's answer is an error.
        """
        if self.lost.done():
            raise NoAnswer(action, "the connection is closed")
        # as_list: otherwise panoramisk guesses from the words of the answer how many there will be
        answer = self._protocol.send({"Action": action, **fields}, as_list=False)
        await asyncio.wait({answer, self.lost}, return_when=asyncio.FIRST_COMPLETED)
        if not answer.done():
            raise NoAnswer(action, "the connection was closed")
        headers = {name.lower(): str(value) for name, value in answer.result().items()}
        if headers.get("response") != "Success":
            raise Refused(action, headers.get("message", ""))
        return headers

    def close(self) -> None:
        """Close it; whoever waits for an answer gets NoAnswer."""
        self._protocol.close()
        self.connection_lost(None)

    def connection_lost(self, _: object) -> None:
        """Called by panoramisk."""
        if not self.lost.done():
            self.lost.set_result(None)

    def dispatch(self, _: object) -> None:
        """Called by panoramisk for each event; none is asked for."""
