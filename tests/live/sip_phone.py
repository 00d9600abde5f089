"""A telephone of a few lines: registers with digest authentication and answers what rings it.

Only what the tests of provisioning need of SIP (RFC 3261) over UDP; it has no audio.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import secrets


class SipPhone(asyncio.DatagramProtocol):
    """One account on one Asterisk."""

    def __init__(self, user: str, password: str, server: tuple[str, int]) -> None:
        self._user = user
        self._password = password
        self._server = server
        self._answers: asyncio.Queue[str] = asyncio.Queue()
        self._transport: asyncio.DatagramTransport | None = None
        self.invited: asyncio.Queue[str] = asyncio.Queue()

    async def open(self) -> None:
        """Take a free port on loopback."""
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(
            lambda: self, local_addr=("127.0.0.1", 0)
        )

    def close(self) -> None:
        """Give the port back."""
        if self._transport is not None:
            self._transport.close()

    async def register(self) -> int:
        """REGISTER, answering one challenge; the final status."""
        call_id = secrets.token_hex(8)
        self._send(self._register(call_id, 1, ""))
        challenge = await self._answer()
        if _status(challenge) != 401:
            return _status(challenge)
        self._send(self._register(call_id, 2, self._authorization(challenge)))
        return _status(await self._answer())

    def _register(self, call_id: str, number: int, authorization: str) -> str:
        assert self._transport is not None
        host, port = self._transport.get_extra_info("sockname")
        return (
            f"REGISTER {self._uri} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP {host}:{port};branch=z9hG4bK{secrets.token_hex(6)};rport\r\n"
            f"From: <sip:{self._user}@127.0.0.1>;tag={call_id}\r\n"
            f"To: <sip:{self._user}@127.0.0.1>\r\n"
            f"Call-ID: {call_id}\r\nCSeq: {number} REGISTER\r\nMax-Forwards: 70\r\n"
            f"Contact: <sip:{self._user}@{host}:{port}>\r\nExpires: 120\r\n"
            f"{authorization}Content-Length: 0\r\n\r\n"
        )

    @property
    def _uri(self) -> str:
        return f"sip:{self._server[0]}:{self._server[1]}"

    def _authorization(self, challenge: str) -> str:
        """RFC 2617 digest with qop=auth."""
        asked = dict(re.findall(r'(\w+)="?([^",\r\n]+)"?', challenge.split("Authenticate:")[1]))
        a1 = _md5(f"{self._user}:{asked['realm']}:{self._password}")
        a2 = _md5(f"REGISTER:{self._uri}")
        response = _md5(f"{a1}:{asked['nonce']}:00000001:abcd:auth:{a2}")
        return (
            f'Authorization: Digest username="{self._user}", realm="{asked["realm"]}", '
            f'nonce="{asked["nonce"]}", uri="{self._uri}", response="{response}", '
            'algorithm=MD5, qop=auth, nc=00000001, cnonce="abcd"'
            + (f', opaque="{asked["opaque"]}"' if "opaque" in asked else "")
            + "\r\n"
        )

    async def _answer(self) -> str:
        async with asyncio.timeout(5):
            return await self._answers.get()

    def _send(self, message: str) -> None:
        assert self._transport is not None
        self._transport.sendto(message.encode(), self._server)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Answers go to `register`; an INVITE is refused as busy, an OPTIONS is answered."""
        message = data.decode(errors="replace")
        method = message.split(" ", 1)[0]
        if method == "SIP/2.0":
            self._answers.put_nowait(message)
        elif method == "INVITE":
            self.invited.put_nowait(message)
            self._reply(message, "486 Busy Here")
        elif method != "ACK":
            self._reply(message, "200 OK")

    def _reply(self, request: str, status: str) -> None:
        kept = [
            line for line in request.split("\r\n") if re.match(r"(Via|From|Call-ID|CSeq|To):", line)
        ]
        kept = [f"{line};tag=phone" if line.startswith("To:") else line for line in kept]
        self._send("\r\n".join([f"SIP/2.0 {status}", *kept, "Content-Length: 0", "", ""]))


def _status(message: str) -> int:
    return int(message.split(" ", 2)[1])


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
