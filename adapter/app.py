"""The composition root: builds every object once, plugs them together, starts and stops them.

Start: open the store, load the live calls, connect to Asterisk and compare (`adapter.engine.
reconcile`), deliver what the outbox still has; the HTTP port opens last. Stop: not ready, no new
calls, live calls go on up to a limit, webhooks that are due are sent; then everything closes, and
what is still up goes on in Asterisk until the next start.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack, suppress
from typing import Any

from aiohttp import web

from adapter import front_ends, operations
from adapter.ari.client import AriClient
from adapter.ari.commands import Commands
from adapter.ari.endpoints import Endpoints
from adapter.ari.errors import Unreachable
from adapter.ari.events import Event, MalformedEvent, UnknownEvent
from adapter.ari.facts import EVENTS_READ, Facts
from adapter.ari.listener import Listener
from adapter.audio import open_audio
from adapter.contracts import enablex
from adapter.contracts.enablex import server as enablex_server
from adapter.contracts.enablex.auth import Gate
from adapter.contracts.enablex.inbound import Inbound
from adapter.contracts.enablex.ports import Ports
from adapter.contracts.idempotency import Answers
from adapter.contracts.limits import Limits, hang_up_all
from adapter.contracts.throttle import Throttle
from adapter.core.faults import AsteriskDown, StoreFailed
from adapter.core.ids import CallId, public_id
from adapter.engine.engine import Engine
from adapter.engine.orphans import Orphans
from adapter.engine.ports import World
from adapter.engine.reconcile import reconcile
from adapter.engine.routing import Routing
from adapter.http_port import HttpPort
from adapter.instruments import Instruments
from adapter.metrics import exposition
from adapter.outbox.egress import Policy, open_session
from adapter.outbox.outbox import Limits as OutboxLimits
from adapter.outbox.outbox import Outbox
from adapter.outbox.retry import Schedule
from adapter.provisioned import Provisioned
from adapter.settings import Settings
from adapter.store.answers import AnswerStore
from adapter.store.calls import CallStore
from adapter.store.outbox import OutboxStore
from adapter.store.provisioning import Directory, ProvisioningStore
from adapter.store.sqlite import open_database
from adapter.store.suspensions import Suspensions
from adapter.store.upkeep import forget, keep_log_short

log = logging.getLogger(__name__)

ASTERISK_PATIENCE = 10.0  # then the port opens without it; /readyz says so
LAST_WEBHOOKS = 5.0
ORPHANS_EVERY = 30.0
DAY = 86400.0


class Adapter:
    """The running product.

    Args:
        settings: read once, by the command line.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._stack = AsyncExitStack()
        self._draining = False
        self._failed = asyncio.Event()
        self._up = asyncio.Event()
        self.failure: str | None = None
        self.port: int | None = None

    async def start(self) -> None:
        """Start everything; returns when requests are served.

        Raises:
            PluginFault, SchemaTooNew, OSError, sqlite3.Error: it cannot start; all is closed again.
        """
        try:
            await self._start()
        except BaseException:
            await self._stack.aclose()
            raise

    async def failed(self) -> None:
        """Wait for a failure after which the process must end; `failure` says which."""
        await self._failed.wait()

    async def drain(self, timeout: float) -> None:
        """Take no new calls, and wait up to `timeout` seconds for the live ones.

        Then webhooks that are due are sent, for up to LAST_WEBHOOKS; whatever comes after that
        goes at the next start.
        """
        self._draining = True
        log.info("draining", extra={"calls": len(self._engine.live)})
        await self._engine.idle(timeout)
        await self._outbox.close(LAST_WEBHOOKS)

    async def close(self) -> None:
        """Close everything, in the reverse order of the start."""
        self._draining = True
        await self._stack.aclose()

    async def _start(self) -> None:
        settings = self._settings
        self._port = HttpPort(settings.http)
        self._stack.callback(self._port.close)
        database = settings.database
        path = database.path
        connection = open_database(path, database.synchronous, checkpoint=database.checkpoint)
        self._stack.callback(connection.close)
        self._connection = connection
        self._provisioning = ProvisioningStore(connection)
        self._directory = Directory(self._provisioning)
        self._suspensions = Suspensions(connection)
        self._outbox_rows = OutboxStore(connection)
        self._answers = AnswerStore(connection)
        self._calls = CallStore(connection, self._outbox_rows.insert)
        trunks = [trunk.name for trunk in self._provisioning.trunks()]
        self._instruments = Instruments(settings, trunks)
        self._build_outbox()
        self._audio = await open_audio(
            settings, connection, self._session, self._instruments, self._stack
        )
        self._build_asterisk()
        self._build_engine()
        self._task("upkeep", forget(*self._purges()))
        if database.checkpoint:
            self._task("checkpoints", keep_log_short(path))
        self._task("loop-lag", self._instruments.lag.run())
        self._task("outbox", self._outbox.run())
        await self._connect()
        self._task("provisioning", self._provisioned.watch())
        self._task("orphans", self._sweep())
        await self._serve()

    def _build_outbox(self) -> None:
        webhooks = self._settings.webhooks
        self._policy = Policy.parse(webhooks.allow)
        self._session = open_session(self._policy)
        self._stack.push_async_callback(self._session.close)
        self._outbox = Outbox(
            self._outbox_rows,
            self._session,
            front_ends.dresser(self._directory),
            schedule=Schedule(delays=tuple(webhooks.retry)),
            limits=OutboxLimits(concurrency=webhooks.concurrency, timeout=webhooks.timeout),
            observer=self._instruments.outbox,
        )

    def _build_asterisk(self) -> None:
        asterisk, calls = self._settings.asterisk, self._settings.calls
        self._client = AriClient(
            asterisk.url,
            asterisk.username,
            asterisk.password.reveal(),
            app=asterisk.app,
            timeout=asterisk.timeout,
            observe=self._instruments.asterisk.command,
        )
        self._stack.push_async_callback(self._client.close)
        self._commands = Commands(self._client)
        self._facts = Facts()
        self._listener = Listener(
            self._client,
            on_event=self._on_event,
            on_up=self._on_up,
            on_down=self._on_down,
            on_fatal=self._fail,
            event_types=EVENTS_READ,
        )
        self._provisioned = Provisioned(
            self._provisioning,
            self._directory,
            Endpoints(self._client, calls.rtp_timeout, calls.rtp_timeout_hold),
            lambda: self._listener.connected,
            self._end_suspended,
        )

    def _build_engine(self) -> None:
        settings = self._settings
        limits = Limits(time.monotonic, self._instruments.access.refused)
        self._throttle = Throttle(settings.http.trusted_proxies, self._instruments.access)
        gate = Gate(self._directory, limits, self._throttle)
        inbound = front_ends.inbound(
            self._directory, gate, self._new_id, self._open, settings.calls.max_duration
        )
        said = front_ends.words(
            self._directory,
            self._session,
            self._audio.files,
            self._commands.invite,
            settings.http.host,
            self._port.base_url + enablex_server.BASES[0],
        )
        self._engine = Engine(
            store=self._calls,
            outbox=self._outbox,
            contracts=said.contracts,
            world=World(
                asterisk=self._commands,
                speech=self._audio.prompts,
                applications=said.applications,
                admissions=inbound,
                ears=self._audio.ears,
                recorder=self._audio.recorder,
            ),
            observer=self._instruments.of_the_engine(limits),
            now=time.time,
            fatal=self._store_failed,
        )
        self._stack.push_async_callback(self._engine.effects.close)
        self._stack.callback(self._engine.timers.clear)
        live = self._engine.load()
        limits.load(live)
        for call in live:
            self._instruments.engine.resumed(call.direction)
        self._build_front_ends(gate, inbound)

    def _build_front_ends(self, gate: Gate, inbound: Inbound) -> None:
        settings = self._settings
        shared = Ports(
            engine=self._engine,
            answers=Answers(self._engine, enablex.NAME),
            directory=self._directory,
            speech=self._audio.prompts,
            lanes=self._outbox,
            gate=gate,
            recordings=self._audio.recordings,
            recording_ready=lambda: self._audio.ami.connected,
            recognises=self._audio.ears.supports,
            greetings=inbound.greetings,
            check_url=self._policy.check_url,
            open_for_calls=self._open,
            reachable=lambda: self._listener.connected,
            now=time.time,
            new_id=self._new_id,
            max_duration=settings.calls.max_duration,
            ring_timeout=settings.calls.ring_timeout,
        )
        self._front_ends = front_ends.build(
            shared, self._directory, self._audio.files, self._audio.recordings, inbound
        )
        desk = self._front_ends.desk
        self._routing = Routing(self._engine, desk, self._instruments.engine, self._new_id)
        self._orphans = Orphans(self._engine, self._commands, self._instruments.engine.orphan)

    async def _connect(self) -> None:
        """Listen to Asterisk; wait a while for it, so that calls are up to date when we serve."""
        self._listener.start()
        self._stack.push_async_callback(self._listener.stop)
        try:
            async with asyncio.timeout(ASTERISK_PATIENCE):
                await self._up.wait()
        except TimeoutError:
            log.warning("Asterisk does not answer yet; serving without it")
            for call in self._engine.live.values():
                self._engine.timers.arm(call)

    async def _serve(self) -> None:
        app = web.Application()
        for base, front_end in (*self._front_ends.apps, self._admin()):
            app.add_subapp(base, front_end)
        asked = operations.Operations(
            not_ready=self.not_ready,
            metrics=exposition(self._instruments.registry),
            openapi=front_ends.openapi_document(),
        )
        app.add_routes(asked.routes())
        app.on_response_prepare.append(operations.hide_server)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=5.0)
        await runner.setup()
        self._stack.push_async_callback(runner.cleanup)
        self.port = await self._port.open(runner)
        log.info("serving", extra={"host": self._settings.http.host, "port": self.port})

    def _admin(self) -> tuple[str, web.Application]:
        return front_ends.admin(
            self._settings, self._connection, self._engine, self._outbox,
            self._audio, self._policy, self._throttle, self._provisioned.changed,
        )  # fmt: skip

    def not_ready(self) -> list[str]:
        """Why new calls can't be served now; empty when they can."""
        reasons = []
        if self._draining:
            reasons.append("draining")
        if not self._listener.healthy(time.monotonic()):
            reasons.append(f"asterisk: {self._listener.state.value}")
        if self.failure:
            reasons.append(self.failure)
        return reasons

    def _open(self) -> bool:
        """Whether calls can begin."""
        return not self._draining and self._listener.connected

    def _new_id(self) -> CallId:
        return CallId(public_id(self._settings.cell, os.urandom(16)))

    def _on_event(self, event: Event, raw: bytes) -> None:
        fact = self._facts.of(event)
        if fact is not None:
            self._routing.take(fact)
        elif isinstance(event, UnknownEvent):
            self._instruments.asterisk.unknown_events.labels(event.type[:64]).inc()
        elif isinstance(event, MalformedEvent):
            self._instruments.asterisk.malformed_events.inc()
            log.warning("event could not be read", extra={"reason": event.reason})

    async def _on_up(self) -> None:
        await self._provisioned.push()
        try:
            await reconcile(self._engine, self._commands, self._routing)
        except AsteriskDown as down:
            raise Unreachable("reconcile", str(down)) from down
        self._instruments.asterisk.connected.set(1)
        self._instruments.asterisk.connections.inc()
        self._up.set()

    def _on_down(self) -> None:
        self._instruments.asterisk.connected.set(0)
        self._facts.forget()

    async def _sweep(self) -> None:
        """Look for what belongs to no call, now and then."""
        while True:
            await asyncio.sleep(ORPHANS_EVERY)
            if self._listener.connected:
                with suppress(AsteriskDown):
                    await self._orphans.sweep()

    def _end_suspended(self) -> None:
        hang_up_all(self._engine, enablex.NAME, self._suspensions.hanging_up())

    def _purges(self) -> tuple[Callable[[], int], ...]:
        retention = self._settings.retention

        def before(days: float) -> float:
            return time.time() - days * DAY

        return (
            lambda: self._calls.purge(before(retention.calls_days)),
            lambda: self._outbox_rows.purge(before(retention.calls_days)),
            lambda: self._outbox_rows.purge(before(retention.dead_letters_days), state="dead"),
            lambda: self._answers.purge(before(retention.answers_hours / 24)),
            lambda: self._audio.recordings.purge(before(self._settings.recordings.keep_days)),
        )

    def _store_failed(self, failed: StoreFailed) -> None:
        self._fail(f"the database took no write: {failed}")

    def _fail(self, reason: str) -> None:
        if self.failure is None:
            log.critical("giving up", extra={"reason": reason})
            self.failure = reason
        self._failed.set()

    def _task(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """A task that lives as long as the adapter; if it ends by itself, so does the adapter."""
        task = asyncio.create_task(work, name=name)

        def ended(done: asyncio.Task[None]) -> None:
            if not done.cancelled() and (error := done.exception()) is not None:
                log.critical("task failed", extra={"task": name}, exc_info=error)
                self._fail(f"{name}: {type(error).__name__}")

        async def stop() -> None:
            task.cancel()
            await asyncio.wait([task])

        task.add_done_callback(ended)
        self._stack.push_async_callback(stop)
