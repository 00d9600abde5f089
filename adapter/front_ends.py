"""The front ends, built and plugged together: part of the composition root (`adapter.app`).

Which front end an inbound call, a question or a webhook is for is looked up here and nowhere else.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
from aiohttp import web

from adapter import __version__
from adapter.contracts import enablex, mediaservice, openapi
from adapter.contracts.enablex import ports as enablex_ports
from adapter.contracts.enablex import sealing
from adapter.contracts.enablex import server as enablex_server
from adapter.contracts.enablex import words as enablex_words
from adapter.contracts.enablex.voice import Voice
from adapter.contracts.mediaservice import callbacks, flow, promptfiles, tokens
from adapter.contracts.mediaservice import ports as mediaservice_ports
from adapter.contracts.mediaservice import server as mediaservice_server
from adapter.contracts.mediaservice import words as mediaservice_words
from adapter.core.faults import NoAnswer
from adapter.core.ids import CallId
from adapter.core.inputs import CallArrived, OfferCall
from adapter.core.message import Message
from adapter.core.model import Call, EndCause, Instruction
from adapter.core.outputs import Ask
from adapter.engine.ports import Applications, Contract, Reception
from adapter.media.promptfiles import PromptFiles
from adapter.outbox import signing
from adapter.outbox.egress import EgressRefused
from adapter.outbox.outbox import Dressed
from adapter.store.provisioning import Directory

LONGEST_ANSWER = 256 * 1024
_NO_FILE = "domains/none.wav"  # never there: a prompt of it fails as one of any missing file
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

    def __init__(self, directory: Directory, voice: Voice, ivr: flow.Flow) -> None:
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
) -> Words:
    """Build them.

    Args:
        directory: what was provisioned.
        session: checks the addresses it calls.
        files: prompt files of domains.
        headers: reads the INVITE of an inbound call.
        host: address that callbacks name.
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
            enablex.NAME: enablex_words,
            mediaservice.NAME: mediaservice_words.Words(directory, host),
        },
        applications=Asked({mediaservice.NAME: callbacks.Applications(asking)}),
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
) -> FrontEnds:
    """Build them, from what they share."""
    voice = Voice(ports)
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
    mounted = [
        (promptfiles.FILE_ROUTES, promptfiles.PromptFileApi(files, time.time)),
        (flow.FLOW_ROUTES, ivr),
    ]
    apps = [(base, enablex_server.application(voice, time.time)) for base in enablex_server.BASES]
    apps.append((mediaservice.BASE, mediaservice_server.application(mounted, directory, time.time)))
    return FrontEnds(FrontDesk(directory, voice, ivr), tuple(apps))


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
                routes=enablex_server.ROUTES,
                security=["enablex"],
                webhooks={
                    "enablex_call": enablex_words.CallEvent,
                    "enablex_play": enablex_words.PlayEvent,
                },
            ),
            openapi.Api(
                base=mediaservice.BASE,
                tag="mediaservice",
                routes=routes + mediaservice_server.preflights(routes),
                security=["mediaservice", "mediaservice_user"],
                webhooks={},
            ),
        ],
        schemes={
            "enablex": {"type": "http", "scheme": "basic", "description": "app id, app key"},
            "mediaservice": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
            "mediaservice_user": {"type": "http", "scheme": "basic"},
        },
    )
