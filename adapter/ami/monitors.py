"""Recording of channels with MixMonitor: three files for each, ended by its own id.

The id of a monitor is kept in a variable of the channel itself, so that it is known after a restart
of the adapter, and a start that is asked for twice starts one monitor. Not here: whether files came
and what is done with them (`adapter.media.recordings`).
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final

from adapter.ami.client import AmiClient
from adapter.ami.errors import InvalidValue, NoAnswer, Refused
from adapter.core.faults import AsteriskDown, RecordingFailed

log = logging.getLogger(__name__)

_CHANNEL: Final = re.compile(r"[A-Za-z0-9._-]{1,150}")
_RECORDING: Final = re.compile(r"[0-9a-f-]{1,64}")
_STEM: Final = re.compile(r"/[A-Za-z0-9/._~=+@-]{1,500}")  # no bracket: it ends an option
_FRAMES: Final = 0.05  # seconds: two frames and more
_NO_CHANNEL: Final = "No such channel"
_NOT_RECORDED: Final = "Could not stop monitoring channel"


class Monitors:
    """Starts and stops monitors; both may be asked for again.

    Args:
        client: the connection.
        again: seconds between two orders to an Asterisk that does not carry the first one out.
    """

    def __init__(self, client: AmiClient, again: float = 1.0) -> None:
        self._client = client
        self._again = again

    def at_login(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run this whenever Asterisk can be told again. It must not raise."""
        self._client.at_login(work)

    async def start(self, channel: str, recording: str, stem: str) -> None:
        """Record a channel until its end, or `stop`, through bridges and holds.

        Args:
            channel: its id.
            recording: id of the recording, in hex digits and hyphens.
            stem: absolute path of the files without `.wav` (both sides mixed), `-rx.wav` (what the
                channel's far end says) and `-tx.wav` (what it hears).

        Raises:
            RecordingFailed: there is no such channel, or Asterisk refuses.
            AsteriskDown: no answer; ask again later.
        """
        try:
            variable = _variable(channel, recording)
            file, options = _files(stem, variable)
            if not await self._client.getvar(channel, variable):
                await self._client.mix_monitor(channel, file, options)
        except NoAnswer as error:
            raise AsteriskDown(str(error)) from error
        except (Refused, InvalidValue) as error:
            raise RecordingFailed(str(error)) from error

    async def renew(self, channel: str, recording: str, stem: str) -> None:
        """End the monitor of a recording, and go on in its files with a new one.

        A channel that is gone is a success. In between a frame has to pass without a monitor: only
        then Asterisk forgets what the old one knew of the channel's sound (22.10, seen). It is
        asked for until there is an answer: cancel it when the channel is gone.

        Raises:
            RecordingFailed: Asterisk refuses.
        """
        await self._insist(lambda: self._renew(channel, recording, stem), recording, AsteriskDown)

    async def end(self, channel: str, recording: str) -> None:
        """Do `stop` until it succeeds: cancel it when the channel is gone."""
        failures = (AsteriskDown, RecordingFailed)
        await self._insist(lambda: self.stop(channel, recording), recording, *failures)

    async def stop(self, channel: str, recording: str) -> None:
        """End a recording. A channel that is gone, or no such recording on it, is a success.

        Raises:
            RecordingFailed: Asterisk refuses; it goes on.
            AsteriskDown: no answer; ask again later.
        """
        try:
            monitor = await self._client.getvar(channel, _variable(channel, recording))
            if monitor:
                await self._client.stop_mix_monitor(channel, monitor)
        except NoAnswer as error:
            raise AsteriskDown(str(error)) from error
        except Refused as error:
            if error.message not in (_NO_CHANNEL, _NOT_RECORDED):
                raise RecordingFailed(str(error)) from error
        except InvalidValue as error:
            raise RecordingFailed(str(error)) from error

    async def _renew(self, channel: str, recording: str, stem: str) -> None:
        try:
            file, options = _files(stem, _variable(channel, recording))
            await self.stop(channel, recording)
            await asyncio.sleep(_FRAMES)
            await self._client.mix_monitor(channel, file, f"a{options}")
        except NoAnswer as error:
            raise AsteriskDown(str(error)) from error
        except Refused as error:
            if error.message != _NO_CHANNEL:
                raise RecordingFailed(str(error)) from error
        except InvalidValue as error:
            raise RecordingFailed(str(error)) from error

    async def _insist(
        self,
        order: Callable[[], Awaitable[None]],
        recording: str,
        *failures: type[Exception],
    ) -> None:
        """Give an order until it is none of these failures; the first one is logged."""
        logged = False
        while True:
            try:
                return await order()
            except failures as failure:
                if not logged:
                    detail = {"recording": recording, "error": str(failure)}
                    log.warning("a recording waits for Asterisk", extra=detail)
                logged = True
                await asyncio.sleep(self._again)


def _files(stem: str, variable: str) -> tuple[str, str]:
    """File and options of MixMonitor, which puts its id into the variable."""
    if not _STEM.fullmatch(stem):
        raise InvalidValue("a path has characters that do not belong there")
    return f"{stem}.wav", f"r({stem}-rx.wav)t({stem}-tx.wav)i({variable})"


def _variable(channel: str, recording: str) -> str:
    """The variable of a channel that holds the id of the recording's monitor."""
    if not _CHANNEL.fullmatch(channel) or not _RECORDING.fullmatch(recording):
        raise InvalidValue("not the id of a channel, or of a recording")
    return "MONITOR_" + recording.replace("-", "_")
