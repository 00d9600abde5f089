"""Debian's Prometheus as a child of the tests, with the configuration of docker/obs; promtool.

Only what the place demands is replaced in it: whom it scrapes, and how often.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any, Self

import aiohttp
import yaml

from tests.live.adapter_process import free_port
from tests.live.asterisk import launch
from tests.obs import OBS

SCRAPE = 1
"""Seconds from one scrape to the next, and from one look at the alerts to the next."""


@cache
def program(name: str) -> str:
    """Path of `prometheus` or `promtool`: the system's, or the launcher's."""
    return str(json.loads(launch("tools", "--only", name))[name])


def promtool(*arguments: str | Path, given: str = "") -> str:
    """What promtool prints, with `given` on its standard input; it has to be content."""
    command = [program("promtool"), *map(str, arguments)]
    done = subprocess.run(
        command, input=given, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


class Prometheus:
    """It scrapes `target` (HOST:PORT) from `async with` to its end."""

    def __init__(self, folder: Path, target: str) -> None:
        self._folder = folder
        self._target = target
        self._port = free_port()
        self._process: asyncio.subprocess.Process | None = None
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._configure()
        self._session = aiohttp.ClientSession(f"http://127.0.0.1:{self._port}")
        try:
            await self._start()
        except BaseException:
            await self._stop()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stop()

    async def at(self, query: str, moment: float) -> list[dict[str, Any]]:
        """What a query gives at one moment, in seconds since the epoch."""
        found: list[dict[str, Any]] = await self._result("query", query=query, time=str(moment))
        return found

    async def between(self, query: str, start: float, end: float) -> list[dict[str, Any]]:
        """What a query gives between two moments, with a step of a scrape."""
        found: list[dict[str, Any]] = await self._result(
            "query_range", query=query, start=str(start), end=str(end), step=f"{SCRAPE}s"
        )
        return found

    async def api(self, path: str, **parameters: str) -> dict[str, Any]:
        """The answer of `/api/v1/PATH`, a success of which nothing was said beside."""
        assert self._session is not None
        async with self._session.get(f"/api/v1/{path}", params=parameters) as answer:
            body: dict[str, Any] = await answer.json()
        assert (answer.status, body["status"]) == (200, "success"), body
        # such as "might not be a counter" (infos, since 3.0): a mistake in the query
        assert {name: body[name] for name in ("warnings", "infos") if body.get(name)} == {}
        return body

    async def _result(self, path: str, **parameters: str) -> Any:
        return (await self.api(path, **parameters))["data"]["result"]

    def _configure(self) -> None:
        config = yaml.safe_load((OBS / "prometheus.yaml").read_text())
        config["global"] |= {"scrape_interval": f"{SCRAPE}s", "evaluation_interval": f"{SCRAPE}s"}
        (job,) = config["scrape_configs"]
        (targets,) = job["static_configs"]
        targets["targets"] = [self._target]
        (self._folder / "prometheus.yaml").write_text(yaml.safe_dump(config))
        for name in config["rule_files"]:
            shutil.copy(OBS / name, self._folder)

    async def _start(self) -> None:
        with (self._folder / "prometheus.log").open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                program("prometheus"),
                f"--config.file={self._folder / 'prometheus.yaml'}",
                f"--storage.tsdb.path={self._folder / 'data'}",
                f"--web.listen-address=127.0.0.1:{self._port}",
                stdout=log,
                stderr=log,
            )
        assert self._session is not None
        async with asyncio.timeout(20):
            while True:
                log_so_far = (self._folder / "prometheus.log").read_text
                assert self._process.returncode is None, log_so_far()[-3000:]
                try:
                    async with self._session.get("/-/ready") as answer:
                        if answer.status == 200:
                            return
                except aiohttp.ClientError:
                    pass
                await asyncio.sleep(0.05)

    async def _stop(self) -> None:
        if self._session is not None:
            await self._session.close()
        process, self._process = self._process, None
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), 10)
        except TimeoutError:
            process.kill()
            await process.wait()
