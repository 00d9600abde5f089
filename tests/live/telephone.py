"""A telephone with a voice: it calls and is called by SIP (RFC 3261), speaks a tone, and listens.

One line and one call at a time, over UDP on loopback, without registration; `sip_phone` is the one
that registers. What it hears is measured while the call is up (`tests.live.rtp_line`).
"""

from __future__ import annotations

import asyncio
import re
import secrets
from contextlib import suppress

import numpy as np

from tests.live.rtp_line import WINDOW, RtpLine

_COPIED = ("Via", "From", "To", "Call-ID", "CSeq")
Address = tuple[str, int]


class Telephone(asyncio.DatagramProtocol):
    """One telephone.

    Args:
        tone: what it says, in Hz, 0 for silence; see `RtpLine`.
        server: SIP address of Asterisk.
        answers: at once when it is called; else it rings until `answer`.
        refuses: the SIP status with which it refuses each call; 0 for none.
        early: it is heard while it rings (183 with SDP in place of 180).

    Attributes:
        uri: its address, as a destination.
        rings: it is being called.
        up: the call is answered.
        over: the call has ended, by whomever.
        offered: the last INVITE.
        referred: the answer to the last REFER; 0 before it.
    """

    def __init__(
        self,
        tone: int,
        server: Address,
        *,
        answers: bool = True,
        refuses: int = 0,
        early: bool = False,
    ) -> None:
        self._line = RtpLine(tone)
        self._server = server
        self._answers, self._refuses, self._early = answers, refuses, early
        self._transport: asyncio.DatagramTransport | None = None
        self._local = self._remote = self._call_id = self._target = ""
        self._number = 1  # CSeq of the last request of ours
        self.uri = ""
        self.rings, self.up, self.over = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self.offered = ""
        self.referred = 0

    @property
    def tone(self) -> int:
        """What it says, in Hz."""
        return self._line.tone

    @property
    def keys(self) -> str:
        """The keys that were heard (RFC 4733)."""
        return self._line.keys

    @property
    def packets(self) -> int:
        """How many packets of audio came."""
        return self._line.packets

    async def open(self) -> None:
        """Take two free ports on loopback."""
        await self._line.open()
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(
            lambda: self, local_addr=("127.0.0.1", 0)
        )
        host, port = self._transport.get_extra_info("sockname")
        self.uri = f"sip:line{self.tone}@{host}:{port}"

    def close(self) -> None:
        """Give them back."""
        self._line.close()
        if self._transport is not None:
            self._transport.close()

    async def call(self, number: str, caller: str) -> None:
        """Call a number of the server; returns when the INVITE is sent."""
        self._call_id, tag = secrets.token_hex(8), secrets.token_hex(4)
        self._target = f"sip:{number}@{self._server[0]}:{self._server[1]}"
        self._local, self._remote = f"<sip:{caller}@127.0.0.1>;tag={tag}", f"<{self._target}>"
        self._request("INVITE", self._sdp())

    def answer(self) -> None:
        """Take the call that rings."""
        self._reply(self.offered, "200 OK", self._sdp())
        self._line.speak()
        self.up.set()

    def decline(self) -> None:
        """Refuse the call that rings as busy."""
        self._reply(self.offered, "486 Busy Here")
        self._end()

    def hang_up(self) -> None:
        """End the answered call."""
        self._request("BYE")
        self._end()

    def refer(self, uri: str) -> None:
        """Ask the server to transfer the call: to call this address instead."""
        self._request("REFER", more=(f"Refer-To: <{uri}>", f"Referred-By: <{self.uri}>"))

    def fall_silent(self) -> None:
        """Send no audio any more, as a telephone that has lost its network."""
        self._line.hush()

    def say(self, samples: np.ndarray) -> None:
        """Say something (`tests.live.audio.spoken`) instead of the tone, once."""
        self._line.say(samples)

    async def press(self, keys: str) -> None:
        """Press keys, each for 120 ms, with 100 ms between."""
        for key in keys:
            await self._line.press(key)

    async def hears(self, *sounds: int | str, seconds: float = 6.0) -> None:
        """Wait until it hears exactly these: tones in Hz, ``ringing``, ``music``; none: silence.

        Raises AssertionError after so many seconds.
        """
        heard: set[int | str] = set()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while (heard := self._line.hears()) != set(sounds):
                    await asyncio.sleep(0.02)
                return
        raise AssertionError(f"{self.tone} hears {heard or 'nothing'}, not {sounds}")

    async def keeps_hearing(self, *sounds: int | str, seconds: float = 1.0) -> None:
        """It hears these, and nothing else for so many seconds. Raises AssertionError."""
        await self.hears(*sounds)
        await asyncio.sleep(WINDOW)  # what came before is still in it
        end = asyncio.get_running_loop().time() + seconds
        while asyncio.get_running_loop().time() < end:
            heard = self._line.hears()
            assert heard == set(sounds), f"{self.tone} hears {heard}, not {sounds}"
            await asyncio.sleep(0.02)

    async def wait(self, event: asyncio.Event, seconds: float = 6.0) -> None:
        """Wait for one of its events. Raises TimeoutError."""
        async with asyncio.timeout(seconds):
            await event.wait()

    def datagram_received(self, data: bytes, addr: Address) -> None:
        """A message of the server."""
        message = data.decode(errors="replace")
        method = message.split(" ", 1)[0]
        if method == "SIP/2.0":
            self._answered(message)
        elif method == "INVITE":
            self._invited(message)
        elif method in ("BYE", "CANCEL"):
            self._reply(message, "200 OK")
            if method == "CANCEL":
                self._reply(self.offered, "487 Request Terminated")
            self._end()
        elif method != "ACK":
            self._reply(message, "200 OK")

    def _invited(self, message: str) -> None:
        if _header(message, "Call-ID") == self._call_id:
            return  # it was repeated
        self.offered, self._call_id = message, _header(message, "Call-ID")
        self._target = _header(message, "Contact").strip("<>")
        self._remote = _header(message, "From")
        self._local = f"{_header(message, 'To')};tag={secrets.token_hex(4)}"
        self._line.meet(message)
        if self._refuses:
            self._reply(message, f"{self._refuses} No")
            return
        if self._early:
            self._line.speak()
            self._reply(message, "183 Session Progress", self._sdp())
        else:
            self._reply(message, "180 Ringing")
        self.rings.set()
        if self._answers:
            self.answer()

    def _answered(self, message: str) -> None:
        """A response to our INVITE; those to BYE say nothing."""
        status, method = int(message.split(" ", 2)[1]), _header(message, "CSeq").split(" ")[1]
        if method == "REFER":
            self.referred = status
        if method != "INVITE" or status == 100:
            return
        if "\r\n\r\nv=0" in message:
            self._line.meet(message)
        self._remote = _header(message, "To")
        if status < 200:
            self.rings.set()
            return
        if status < 300:
            self._target = _header(message, "Contact").strip("<>")
            self._line.speak()
            self.up.set()
        else:
            self._end()
        self._request("ACK")

    def _end(self) -> None:
        self._line.hush()
        self.over.set()

    def _sdp(self) -> str:
        return (
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
            f"m=audio {self._line.port} RTP/AVP 0 101\r\n"
            "a=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\n"
            "a=ptime:20\r\na=sendrecv\r\n"
        )

    def _request(self, method: str, body: str = "", more: tuple[str, ...] = ()) -> None:
        self._number += method != "ACK"
        via = f"SIP/2.0/UDP {self._host};branch=z9hG4bK{secrets.token_hex(6)};rport"
        lines = [
            f"{method} {self._target} SIP/2.0",
            f"Via: {via}",
            f"From: {self._local}",
            f"To: {self._remote}",
            f"Call-ID: {self._call_id}",
            f"CSeq: {self._number} {method}",
            "Max-Forwards: 70",
            *more,
        ]
        self._send(lines, body)

    def _reply(self, request: str, status: str, body: str = "") -> None:
        lines = [f"SIP/2.0 {status}"]
        for name, value in re.findall(r"^([\w-]+): *(.*?)\r$", request, re.MULTILINE):
            if name in _COPIED:
                tagged = name == "To" and ";tag=" not in value
                lines.append(f"{name}: {self._local if tagged else value}")
        self._send(lines, body)

    def _send(self, lines: list[str], body: str) -> None:
        assert self._transport is not None
        lines = [*lines, f"Contact: <{self.uri}>"]
        if body:
            lines.append("Content-Type: application/sdp")
        lines += [f"Content-Length: {len(body)}", "", body]
        self._transport.sendto("\r\n".join(lines).encode(), self._server)

    @property
    def _host(self) -> str:
        return self.uri.partition("@")[2]


def _header(message: str, name: str) -> str:
    found = re.search(rf"^{name}: *(.*?)\r$", message, re.MULTILINE | re.IGNORECASE)
    assert found is not None, f"no {name} in {message}"
    return found[1]
