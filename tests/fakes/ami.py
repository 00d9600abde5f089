"""A fake Asterisk's AMI for tests: a real TCP server on a free loopback port.

::

    async with FakeAmi() as ami:
        ami.channels["chan-1"] = {}                # its variables
        ami.fail("MixMonitor", "Permission denied")
        ami.cut("StopMixMonitor", after=True)      # carry it out, then close instead of answering
        ami.mute = True                            # answer nothing any more

A monitor writes files as Asterisk does: a header without sizes, whole at its stop.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Self

from adapter.media import wav

Fields = dict[str, str]
UNFINISHED = wav.write(b"")[:4] + bytes(4) + wav.write(b"")[8:40] + bytes(4)


class FakeAmi:
    """The server. Everything public is for tests."""

    username = "adapter"
    secret = "secret-of-a-test"

    def __init__(self) -> None:
        self.port = 0
        self.channels: dict[str, Fields] = {}
        self.actions: list[Fields] = []
        """Every action but Login, as it came."""
        self.logins = 0
        self.has: Callable[[str], bool] = self.channels.__contains__
        """Whether there is a channel; another fake may know."""
        self.mute = False
        self.silent = False
        """While true, a monitor writes no file, as with a folder that Asterisk may not write to."""
        self.rtp_conf = {"rtpstart": "10000", "rtpend": "10999"}
        """What stands in rtp.conf."""
        self.pjsip_conf: dict[str, Fields] = {}
        """Sections of pjsip.conf."""
        self.registrations: Fields = {}
        """Outbound registrations, with their status."""
        self.pcm = b"\x10\x00" * 800
        """What a monitor records: 0.1 s."""
        self.monitors: dict[str, tuple[str, list[Path]]] = {}
        """Channel and files of each monitor that runs, by its id."""
        self._takes: Counter[Path] = Counter()
        """How many monitors have ended in each file, one behind the other."""
        self._failures: dict[str, str] = {}
        self._cuts: dict[str, bool] = {}
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        await self.listen()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def listen(self) -> None:
        """Begin, or begin again on the same port."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Close every connection and the port."""
        assert self._server is not None
        self._server.close()
        self.drop()
        await self._server.wait_closed()

    def drop(self) -> None:
        """Close every connection."""
        for writer in self._writers:
            writer.close()

    def send(self, data: bytes) -> None:
        """Send bytes that nobody asked for."""
        for writer in self._writers:
            writer.write(data)

    def fail(self, action: str, message: str) -> None:
        """Answer an action with an error from now on."""
        self._failures[action] = message

    def cut(self, action: str, *, after: bool) -> None:
        """Close the connection at the next such action, after or before carrying it out."""
        self._cuts[action] = after

    def names(self) -> list[str]:
        """Names of the actions so far."""
        return [fields["Action"] for fields in self.actions]

    def hang_up(self, channel: str) -> None:
        """The channel goes, and its files become whole."""
        for monitor in [one for one, (of, _) in self.monitors.items() if of == channel]:
            self._finish(monitor)
        self.channels.pop(channel, None)

    def crash(self) -> None:
        """Asterisk is killed: its files stay as they are."""
        self.monitors.clear()
        self.channels.clear()
        self.drop()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        writer.write(b"Asterisk Call Manager/11.0.0\r\n")
        try:
            while True:
                block = (await reader.readuntil(b"\r\n\r\n")).decode()
                lines = [line.partition(": ") for line in block.strip().split("\r\n")]
                if not self._take({name: value for name, _, value in lines}, writer):
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            self._writers.discard(writer)
            writer.close()

    def _take(self, fields: Fields, writer: asyncio.StreamWriter) -> bool:
        """Carry out one action; whether the connection stays."""
        action = fields["Action"]
        if self.mute:
            return True
        if action == "Login":
            return self._login(fields, writer)
        self.actions.append(fields)
        cut = self._cuts.pop(action, None)
        if cut is False:
            return False
        answer = self._answer(action, fields)
        if cut:
            return False
        _write(writer, fields, answer)
        if action == "PJSIPShowRegistrationsOutbound":
            self._list_registrations(fields, writer)
        return True

    def _list_registrations(self, fields: Fields, writer: asyncio.StreamWriter) -> None:
        event = "OutboundRegistrationDetail"
        for name, status in self.registrations.items():
            _write(writer, fields, {"Event": event, "ObjectName": name, "Status": status})
            _write(writer, fields, {"Event": "AuthDetail", "ObjectName": name})
        _write(writer, fields, {"Event": f"{event}Complete", "EventList": "Complete"})

    def _login(self, fields: Fields, writer: asyncio.StreamWriter) -> bool:
        good = (fields["Username"], fields["Secret"]) == (self.username, self.secret)
        self.logins += good
        text = "Authentication accepted" if good else "Authentication failed"
        _write(writer, fields, {"Response": "Success" if good else "Error", "Message": text})
        return good

    def _answer(self, action: str, fields: Fields) -> Fields:
        if action in self._failures:
            return {"Response": "Error", "Message": self._failures[action]}
        if action == "Ping":
            return {"Response": "Success", "Ping": "Pong"}
        if action == "GetConfig":
            ours = {"rtp.conf": {"general": self.rtp_conf}, "pjsip.conf": self.pjsip_conf}
            return {"Response": "Success", **_config(ours[fields["Filename"]])}
        if action == "PJSIPShowRegistrationsOutbound":
            return {"Response": "Success", "EventList": "start"}
        if not self.has(fields["Channel"]):
            return {"Response": "Error", "Message": "No such channel"}
        variables = self.channels.setdefault(fields["Channel"], {})
        if action == "Getvar":
            value = variables.get(fields["Variable"], "")
            return {"Response": "Success", "Variable": fields["Variable"], "Value": value}
        if action == "MixMonitor":
            return self._start(fields, variables)
        if fields["MixMonitorID"] not in self.monitors:
            return {"Response": "Error", "Message": "Could not stop monitoring channel"}
        self._finish(fields["MixMonitorID"])
        return {"Response": "Success", "Message": "Stopped monitoring"}

    def _start(self, fields: Fields, variables: Fields) -> Fields:
        append = fields["Options"].startswith("a")
        options = fields["Options"].removeprefix("a")
        caller, other, variable = options[2:-1].replace(")t(", ")i(").split(")i(")
        files = [Path(fields["File"]), Path(caller), Path(other)]
        monitor = f"0x{len(self.actions):x}"
        variables[variable] = monitor
        self.monitors[monitor] = (fields["Channel"], files)
        for file in () if self.silent else files:
            self._takes[file] = self._takes[file] if append else 0
            file.write_bytes(wav.write(self.pcm * self._takes[file]) if append else UNFINISHED)
        return {"Response": "Success", "MixMonitorID": monitor}

    def _finish(self, monitor: str) -> None:
        for file in self.monitors.pop(monitor)[1]:
            if file.exists():
                self._takes[file] += 1
                file.write_bytes(wav.write(self.pcm * self._takes[file]))


def _config(sections: dict[str, Fields]) -> Fields:
    answer: Fields = {}
    for section, (name, lines) in enumerate(sections.items()):
        answer[f"Category-{section:06}"] = name
        for number, (key, value) in enumerate(lines.items()):
            answer[f"Line-{section:06}-{number:06}"] = f"{key}={value}"
    return answer


def _write(writer: asyncio.StreamWriter, asked: Fields, answer: Fields) -> None:
    lines = {**answer, "ActionID": asked["ActionID"]}
    text = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    writer.write(f"{text}\r\n".encode())
