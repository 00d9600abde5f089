"""The front ends, built and plugged together: part of the composition root (`adapter.app`).

Which front end an inbound call, a question or a webhook is for is looked up here and nowhere else.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
from aiohttp import web

from adapter import __version__
from adapter.audio import Audio
from adapter.commands.checks import checks
from adapter.commands.timeline import masked
from adapter.contracts import enablex, mediaservice, openapi
from adapter.contracts.admin import ports as admin_ports
from adapter.contracts.admin import server as admin_server
from adapter.contracts.enablex import events as enablex_events
from adapter.contracts.enablex import ports as enablex_ports
from adapter.contracts.enablex import sealing
from adapter.contracts.enablex import server as enablex_server
from adapter.contracts.enablex.auth import Gate
from adapter.contracts.enablex.feed import FEED_ROUTES, Feed
from adapter.contracts.enablex.greetings import Greetings
from adapter.contracts.enablex.guesses import Guesses
from adapter.contracts.enablex.inbound import Inbound
from adapter.contracts.enablex.recording_file import RECORDING_ROUTES, RecordingApi
from adapter.contracts.mediaservice import callbacks, flow, promptfiles, tokens
from adapter.contracts.mediaservice import ports as mediaservice_ports
from adapter.contracts.mediaservice import server as mediaservice_server
from adapter.contracts.mediaservice import words as mediaservice_words
from adapter.contracts.throttle import Throttle
from adapter.core.faults import NoAnswer
from adapter.core.ids import CallId
from adapter.core.inputs import CallArrived, OfferCall
from adapter.core.message import Message
from adapter.core.model import Call, EndCause, Instruction
from adapter.core.outputs import Ask
from adapter.engine.engine import Engine
from adapter.engine.ports import Applications, Contract, Reception
from adapter.media.promptfiles import AppPrompts, PromptFiles
from adapter.media.prompts import DEFAULT_GREETING
from adapter.media.recordings import Recordings
from adapter.outbox import signing
from adapter.outbox.egress import EgressRefused, Policy
from adapter.outbox.outbox import Dressed, Outbox
from adapter.settings import Settings
from adapter.store.calls import CallStore
from adapter.store.history import History
from adapter.store.inventory import Inventory
from adapter.store.outbox import OutboxStore
from adapter.store.provisioning import Directory, ProvisioningStore
from adapter.store.redelivery import Redelivery
from adapter.store.suspensions import Suspensions

LONGEST_ANSWER = 256 * 1024
_NO_FILE = "domains/none.wav"  # never there: a prompt of it fails as one of any missing file
_SCHEMES = {
    "enablex": {"type": "http", "scheme": "basic", "description": "app id, app key"},
    "mediaservice": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
    "mediaservice_user": {"type": "http", "scheme": "basic"},
    "admin": {"type": "http", "scheme": "bearer", "description": "the setting admin.token"},
}
_ACKNOWLEDGED = frozenset({404})  # mediaservice.md, "Base": no error of the session


class Asked(Applications):
    """Puts a question to the front end that knows the call's application."""

    def __init__(self, by_contract: Mapping[str, Applications]) -> None:
        self._by_contract = by_contract

    async def ask(self, call: Call, question: Ask) -> Instruction:
        """See `adapter.engine.ports.Applications`."""
        applications = self._by_contract.get(call.contract)
        if applications is None:
            raise NoAnswer("this contract's applications are not asked")
        return await applications.ask(call, question)


class FrontDesk(Reception):
    """Gives an inbound call to the front end that its number belongs to."""

    def __init__(self, directory: Directory, voice: Inbound, ivr: flow.Flow) -> None:
        self._directory = directory
        self._voice = voice
        self._ivr = ivr

    def receive(self, arrival: CallArrived, call: CallId) -> OfferCall | EndCause:
        """See `adapter.engine.ports.Reception`."""
        number = self._directory.number(arrival.called)
        desk: Reception = self._ivr if number and number.service == "ivr" else self._voice
        return desk.receive(arrival, call)


@dataclass(frozen=True, slots=True)
class Words:
    """What the front ends are before there is an engine: what they say, and whom they ask."""

    contracts: Mapping[str, Contract]
    applications: Applications


def words(
    directory: Directory,
    session: aiohttp.ClientSession,
    files: PromptFiles,
    headers: mediaservice_ports.Headers,
    host: str,
    recordings: str,
) -> Words:
    """Build them.

    Args:
        directory: what was provisioned.
        session: checks the addresses it calls.
        files: prompt files of domains.
        headers: reads the INVITE of an inbound call.
        host: address that callbacks name.
        recordings: base of the URLs of recordings.
    """
    asking = mediaservice_ports.Asking(
        directory=directory,
        post=poster(session),
        sign=signing.headers,
        headers=headers,
        prompt_file=lambda domain, name: files.path_of(domain, name) or _NO_FILE,
        now=time.time,
        ivr_server=host,
    )
    return Words(
        contracts={
            enablex.NAME: enablex_events.Events(recordings),
            mediaservice.NAME: mediaservice_words.Words(directory, host),
        },
        applications=Asked({mediaservice.NAME: callbacks.Applications(asking)}),
    )


def inbound(
    directory: Directory,
    gate: Gate,
    new_id: Callable[[], CallId],
    open_for_calls: Callable[[], bool],
    max_duration: float,
) -> Inbound:
    """Who inbound calls are for, as `adapter.contracts.enablex.inbound` has it."""
    return Inbound(
        directory=directory,
        greetings=Greetings(directory, DEFAULT_GREETING, new_id),
        guesses=Guesses(time.monotonic),
        turn_away=gate.turn_away,
        open_for_calls=open_for_calls,
        max_duration=max_duration,
    )


def poster(session: aiohttp.ClientSession) -> mediaservice_ports.Post:
    """One POST, with what can go wrong as NoAnswer."""

    async def post(
        url: str, body: bytes, headers: Mapping[str, str], timeout: float
    ) -> tuple[int, bytes]:
        limit = aiohttp.ClientTimeout(total=timeout)
        sent = {"Content-Type": "application/json", **headers}
        try:
            async with session.post(
                url, data=body, headers=sent, timeout=limit, allow_redirects=False
            ) as answer:
                read = await answer.content.read(LONGEST_ANSWER + 1)
                while not answer.content.at_eof() and len(read) <= LONGEST_ANSWER:
                    read += await answer.content.read(LONGEST_ANSWER + 1 - len(read))
        except (TimeoutError, aiohttp.ClientError, OSError, EgressRefused) as error:
            raise NoAnswer(f"{type(error).__name__}: {error}") from error
        if len(read) > LONGEST_ANSWER:
            raise NoAnswer(f"the answer is longer than {LONGEST_ANSWER} bytes")
        return answer.status, read

    return post


def dresser(directory: Directory) -> Callable[[Message], Dressed]:
    """Makes the bytes of a webhook, as its contract wants them."""

    def dress(message: Message) -> Dressed:
        if message.contract != mediaservice.NAME:
            return Dressed(*sealing.dress(message, directory.app(message.owner)))
        domain = directory.domain(message.owner)
        if domain is None:
            raise LookupError(f"no domain {message.owner}")
        worded = message.body.encode()
        body = mediaservice_words.with_transaction(message.event, worded, message.id)
        bearer = tokens.callback_token(domain, body, time.time())
        headers = {"Authorization": f"Bearer {bearer}"}
        return Dressed(body, headers, domain.webhook_secret, _ACKNOWLEDGED)

    return dress


@dataclass(frozen=True, slots=True)
class FrontEnds:
    """The front ends, with an engine: who receives calls, and what is served."""

    desk: FrontDesk
    apps: tuple[tuple[str, web.Application], ...]


def build(
    ports: enablex_ports.Ports,
    directory: Directory,
    files: PromptFiles,
    recordings: Recordings,
    inbound: Inbound,
) -> FrontEnds:
    """Build them, from what they share."""
    throttle = ports.gate.throttle
    feed = Feed(ports.engine)
    calls = (
        *enablex_server.mounted(ports),
        (FEED_ROUTES, feed),
        (RECORDING_ROUTES, RecordingApi(recordings, time.time)),
    )
    ivr = flow.Flow(
        mediaservice_ports.Ports(
            engine=ports.engine,
            directory=directory,
            lanes=ports.lanes,
            open_for_calls=ports.open_for_calls,
            new_id=ports.new_id,
            ring_timeout=ports.ring_timeout,
        )
    )
    file_api = promptfiles.PromptFileApi(files, time.time, throttle=throttle)
    mounted = [(promptfiles.FILE_ROUTES, file_api), (flow.FLOW_ROUTES, ivr)]
    apps = [
        (base, enablex_server.application(calls, ports.gate, time.time))
        for base in enablex_server.BASES
    ]
    apps[0][1].on_shutdown.append(feed.close)
    ivr_app = mediaservice_server.application(mounted, directory, time.time, throttle)
    apps.append((mediaservice.BASE, ivr_app))
    return FrontEnds(FrontDesk(directory, inbound, ivr), tuple(apps))


def admin(
    settings: Settings,
    connection: sqlite3.Connection,
    engine: Engine,
    outbox: Outbox,
    audio: Audio,
    policy: Policy,
    throttle: Throttle,
    provisioned: Callable[[], None],
) -> tuple[str, web.Application]:
    """The admin API, or what stands in its place while it is switched off.

    Args:
        settings: with its token.
        connection: of the event loop.
        engine, outbox, audio, policy, throttle: the adapter's own.
        provisioned: called after each change.
    """
    if not settings.admin.token:
        return admin_server.PARENT, admin_server.switched_off()
    rows = OutboxStore(connection)
    ports = admin_ports.Ports(
        store=ProvisioningStore(connection), inventory=Inventory(connection),
        history=History(settings.database.path),
        redelivery=Redelivery(connection),
        suspensions=Suspensions(connection),
        journal=CallStore(connection, rows.insert).journal,
        deliveries=rows.deliveries,
        engine=engine,
        audio=AppPrompts(settings.media.folder.resolve()),
        forget_files=audio.files.forget,
        recordings=audio.recordings,
        checks=checks(policy),
        new_secret=signing.new_secret,
        described=masked,
        provisioned=provisioned,
        put_back=outbox.refresh,
        now=time.time,
    )  # fmt: skip
    return admin_server.BASE, admin_server.application(ports, settings.admin.token, throttle)


def openapi_document() -> dict[str, Any]:
    """`/openapi.json`, of all contracts."""
    routes = promptfiles.FILE_ROUTES + flow.FLOW_ROUTES
    return openapi.document(
        title="ari-voice-adapter",
        version=__version__,
        apis=[
            openapi.Api(
                base=enablex_server.BASES[0],
                tag="enablex",
                routes=enablex_server.ROUTES + FEED_ROUTES + RECORDING_ROUTES,
                security=["enablex"],
                webhooks={
                    "enablex_call": enablex_events.CallEvent,
                    "enablex_play": enablex_events.PlayEvent,
                    "enablex_speech": enablex_events.SpeechEvent,
                    "enablex_bridge": enablex_events.BridgeEvent,
                    "enablex_keys": enablex_events.KeysEvent,
                    "enablex_recording": enablex_events.RecordingEvent,
                },
            ),
            openapi.Api(
                base=mediaservice.BASE,
                tag="mediaservice",
                routes=routes + mediaservice_server.preflights(routes),
                security=["mediaservice", "mediaservice_user"],
                webhooks={},
            ),
            openapi.Api(
                base=admin_server.BASE,
                tag="admin",
                routes=admin_server.ROUTES,
                security=["admin"],
                webhooks={},
            ),
        ],
        schemes=_SCHEMES,
    )
