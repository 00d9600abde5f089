"""The whole adapter in this process, between a fake Asterisk and a customer's real HTTP server.

Settings are read from a file and provisioning is done by `ari-voice apply`, as its users do it.
Every reply, and every webhook when the stack closes, is validated against `/openapi.json`.
"""

from __future__ import annotations

import asyncio
import io
import sqlite3
import wave
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
from click.testing import CliRunner
from yarl import URL

import adapter
from adapter.app import Adapter
from adapter.cli import main
from adapter.configuration import load
from adapter.media import wav
from adapter.settings import Settings
from tests.contract.document import Document
from tests.contract.ears import Ears
from tests.fakes.ami import FakeAmi
from tests.fakes.ari_server import FakeAri
from tests.fakes.speech import RATE, ScriptedTTS, hum
from tests.fakes.webhook_sink import WebhookSink

APP, KEY = "5f1c8a52e4b0", "key-of-the-test-app-0001"
OTHER_APP, OTHER_KEY = "e07d55aa31c9", "key-of-another-app-0002"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
RINGS = "15551000"
GREETS = "15551001"
GREETS_CALLEES = "15551002"
INBOUND_ONLY = "15551003"
NO_TRUNK = "15551004"
OUTBOUND_ONLY = "15551005"
ANOTHERS = "15552000"
CALLEE = "+15559001"

PROVISIONING = f"""
[[app]]
id = "{APP}"
key = "{KEY}"
event_url = "{{hook}}"
webhook_secret = "{SECRET}"
allowed_destinations = ["+1555", "!+1555666", "sip:callee.example", "0003"]
[[app]]
id = "{OTHER_APP}"
key = "{OTHER_KEY}"
event_url = "{{hook}}"
webhook_secret = "{SECRET}"
allowed_destinations = ["*"]
[[trunk]]
name = "carrier"
uri = "sip:127.0.0.1:5080"
match = ["127.0.0.1"]
[[number]]
number = "+{RINGS}"
app = "{APP}"
trunk = "carrier"
[[number]]
number = "{GREETS}"
app = "{APP}"
trunk = "carrier"
greeting = "default"
[[number]]
number = "{GREETS_CALLEES}"
app = "{APP}"
trunk = "carrier"
outbound_greeting = "welcome"
[[number]]
number = "{INBOUND_ONLY}"
app = "{APP}"
trunk = "carrier"
outbound = false
[[number]]
number = "{NO_TRUNK}"
app = "{APP}"
[[number]]
number = "{OUTBOUND_ONLY}"
app = "{APP}"
trunk = "carrier"
inbound = false
[[number]]
number = "{ANOTHERS}"
app = "{OTHER_APP}"
trunk = "carrier"
[[prompt]]
app = "{APP}"
name = "welcome"
file = "welcome.wav"
[[prompt]]
app = "{OTHER_APP}"
name = "secret"
file = "welcome.wav"
[[phone]]
extension = "0003*210"
password = "a-long-password"
"""


@dataclass(frozen=True, slots=True)
class Reply:
    """What the API answered."""

    status: int
    body: Any
    headers: Mapping[str, str]

    def __getitem__(self, key: str) -> Any:
        return self.body[key]


class Stack:
    """A customer's view of one adapter. `start` it, use it, `stop` it.

    Attributes:
        ari: the fake Asterisk.
        ami: its manager interface.
        sink: where all webhooks go.
        speech: the scripted synthesiser of the running adapter.
        ears: its scripted recogniser.
        replies: every reply so far.
    """

    def __init__(self, folder: Path, ari: FakeAri, ami: FakeAmi, sink: WebhookSink) -> None:
        self.folder = folder
        self.ari = ari
        self.ami = ami
        self.sink = sink
        ami.has = lambda channel: channel in ari.channels
        ari.world.gone.append(lambda channel: ami.hang_up(channel.id))
        self.replies: list[Reply] = []
        self.adapter: Adapter
        self.speech: ScriptedTTS
        self.ears: Ears
        self._session: aiohttp.ClientSession
        self._document = Document({})

    async def start(self) -> None:
        """Start the adapter and fetch its document."""
        self.adapter = Adapter(self.settings())
        await self.adapter.start()
        self._session = aiohttp.ClientSession()
        async with self._session.get(f"{self.url}/openapi.json") as answer:
            self._document = Document(await answer.json())

    async def stop(self) -> None:
        """Close the adapter, and look at what the customer got."""
        await self._session.close()
        await self.adapter.close()
        assert self.adapter.failure is None
        self.validate_webhooks()

    async def kill(self) -> None:
        """End the adapter without a word: whatever it is doing stops where it is."""
        await self._session.close()
        own = str(Path(adapter.__file__).parent)
        tasks = [task for task in asyncio.all_tasks() if _file_of(task).startswith(own)]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.adapter.close()

    def provision(self, text: str = "", *, hook: str = "") -> None:
        """`ari-voice apply`: the whole of PROVISIONING, or a text of one's own."""
        file = self.folder / "provisioning.toml"
        file.write_text((text or PROVISIONING).replace("{hook}", hook or self.sink.url()))
        status, output = self.command("apply", str(file))
        assert status == 0, output

    def command(self, *arguments: str) -> tuple[int, str]:
        """`ari-voice ...`: its exit code and what it wrote."""
        result = CliRunner().invoke(main, ["--config", str(self._config), *arguments])
        return result.exit_code, result.output

    async def settled(self) -> None:
        """Wait until no webhook is pending: deliveries are written down a moment later."""
        with closing(sqlite3.connect(self.settings().database.path)) as connection:
            pending = "SELECT COUNT(*) FROM outbox WHERE state = 'pending'"
            await eventually(lambda: connection.execute(pending).fetchone() == (0,))

    @property
    def _config(self) -> Path:
        return self.folder / "ari-voice.toml"

    def configure(self, extra: str = "", *, retry: Sequence[float] = (0.05,) * 40) -> None:
        """Write the settings file and the WAV file that provisioning refers to."""
        self._config.write_text(f"""
cell = "00ff"
[http]
port = 0
[asterisk]
url = "{self.ari.base_url}"
username = "{self.ari.username}"
password = "{self.ari.password}"
timeout = 2
ami_port = {self.ami.port}
ami_username = "{self.ami.username}"
ami_password = "{self.ami.secret}"
[database]
path = "ari-voice.db"
[media]
folder = "media"
[recordings]
folder = "recordings"
min_free_bytes = 0
[webhooks]
allow = ["127.0.0.1"]
retry = {list(retry)}
[plugins]
tts = ["scripted"]
asr = ["ears"]
{extra}
""")
        wav.save(self.folder / "welcome.wav", wav.to_telephone(_wave(0.5)))

    def settings(self) -> Settings:
        """The settings file, with a handle on synthesiser and recogniser."""
        settings = load(self._config, {})
        handles = {
            "scripted": {"started": lambda speech: setattr(self, "speech", speech)},
            "ears": {"started": lambda ears: setattr(self, "ears", ears)},
        }
        plugins = msgspec.structs.replace(settings.plugins, settings=handles)
        return msgspec.structs.replace(settings, plugins=plugins)

    @property
    def url(self) -> str:
        """Where the adapter serves."""
        return f"http://127.0.0.1:{self.adapter.port}"

    # The API -------------------------------------------------------------------------------

    async def ask(
        self,
        method: str,
        path: str,
        json: Any = None,
        *,
        data: bytes | str | None = None,
        base: str = "/voice/v1",
        auth: tuple[str, str] | None = (APP, KEY),
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """One request; the reply must be the contract's JSON and as documented."""
        credentials = aiohttp.encode_basic_auth(*auth) if auth else None
        given = {"Authorization": credentials} if credentials else {}
        async with self._session.request(
            method,
            URL(f"{self.url}{base}{path}", encoded=True),
            json=json,
            data=io.BytesIO(data.encode() if isinstance(data, str) else data) if data else None,
            headers=given | {"Content-Type": "application/json"} | dict(headers or {}),
        ) as answer:
            text = await answer.text()
            assert answer.content_type == "application/json", (answer.status, text)
            reply = Reply(answer.status, msgspec.json.decode(text), dict(answer.headers))
        self.replies.append(reply)
        self._document.reply(method, path, reply.status, reply.body)
        return reply

    async def get(self, path: str) -> aiohttp.ClientResponse:
        """A plain GET of anything; the body has been read."""
        async with self._session.get(f"{self.url}{path}") as answer:
            await answer.read()
            return answer

    async def place(self, **keys: Any) -> Reply:
        """`POST /call` to the callee that answers at once."""
        return await self.ask("POST", "/call", {"from": RINGS, "to": CALLEE} | keys)

    async def play(self, call: str, **keys: Any) -> Reply:
        """`PUT /call/{id}/play`."""
        return await self.ask("PUT", f"/call/{call}/play", keys)

    async def say(self, call: str, text: str = "hello", **keys: Any) -> Reply:
        """`PUT /call/{id}/play` with text."""
        return await self.play(call, text=text, language="en-US", voice="female", **keys)

    async def hang_up(self, call: str) -> Reply:
        """`DELETE /call/{id}`."""
        return await self.ask("DELETE", f"/call/{call}")

    async def connected(self, **keys: Any) -> str:
        """A call that is up and whose application knows; its id."""
        call: str = (await self.place(**keys))["voice_id"]
        await self.event(call, "connected")
        return call

    async def answered(self, call: str) -> None:
        """Wait until the callee has answered, whoever knows of it."""
        channel = f"{call}.leg1"
        channels = self.ari.channels
        await self.ari.wait_for(lambda: channel in channels and channels[channel].state == "Up")

    async def offered(self, number: str = RINGS, caller: str = "+15557777") -> str:
        """An inbound call whose application knows; its id."""
        before = len(self.sink.received)
        self.ari.inbound(number, caller=caller)
        await self.sink.wait_for(before + 1)
        call: str = self.sink.received[before].json["voice_id"]
        return call

    # Webhooks ------------------------------------------------------------------------------

    def names(self, call: str) -> list[str]:
        """What the customer was told of a call, in order; the same message twice counts once."""
        return [name_of(body) for body in self.told(call)]

    def told(self, call: str) -> list[dict[str, Any]]:
        """The webhooks of a call, in order of their first arrival."""
        first = {received.id: received.json for received in reversed(self.sink.received)}
        order = dict.fromkeys(received.id for received in self.sink.received)
        return [first[id_] for id_ in order if first[id_].get("voice_id") == call]

    async def event(self, call: str, name: str, count: int = 1) -> dict[str, Any]:
        """Wait for the count-th webhook of that name."""
        await self.sink.wait_for(lambda _: self.names(call).count(name) >= count)
        return [body for body in self.told(call) if name_of(body) == name][count - 1]

    async def over(self, call: str) -> dict[str, Any]:
        """Wait for the end of a call, and check that it is the end."""
        ended = await self.event(call, "disconnected")
        await self.quiet()
        assert self.names(call).count("disconnected") == 1
        assert self.names(call)[-1] == "disconnected"
        return ended

    async def quiet(self) -> None:
        """Let everything that is due now happen: another call goes from its order to its end."""
        call = await self.ask("POST", "/call", _PASSER_BY, auth=(OTHER_APP, OTHER_KEY))
        await self.event(call["voice_id"], "connected")
        await self.ask("DELETE", f"/call/{call['voice_id']}", auth=(OTHER_APP, OTHER_KEY))
        await self.event(call["voice_id"], "disconnected")

    def validate_webhooks(self) -> None:
        """Each webhook is as documented."""
        for received in self.sink.received:
            self._document.webhook(received.json)


async def eventually(
    true: Callable[[], bool | Awaitable[bool]],
    seconds: float = 20.0,
) -> None:
    """Look again and again, where nobody tells."""
    async with asyncio.timeout(seconds):
        while True:
            answer = true()
            if answer if isinstance(answer, bool) else await answer:
                return
            await asyncio.sleep(0.01)


_PASSER_BY = {"from": ANOTHERS, "to": "+15550000"}


def name_of(body: Mapping[str, Any]) -> str:
    """The name of a webhook."""
    return str(body.get("state") or body.get("playstate"))


def _file_of(task: asyncio.Task[Any]) -> str:
    return str(getattr(getattr(task.get_coro(), "cr_code", None), "co_filename", ""))


def _wave(seconds: float) -> bytes:
    made = io.BytesIO()
    with wave.open(made, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(hum(seconds))
    return made.getvalue()
