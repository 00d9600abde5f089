"""A telephone menu on the EnableX Voice API: answers, asks for a key, speaks, hangs up.

The whole application is one webhook. It is stateless: what to do next follows from the event and
from the `prompt_ref` that comes back with it. Run it with `python -m examples.enablex_ivr`; the
server's address and the app's credentials come from the environment (see `main`).
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator
from typing import Any

from aiohttp import ClientSession, encode_basic_auth, web
from standardwebhooks import Webhook

log = logging.getLogger(__name__)

MENU = "Welcome to the demonstration. Press one for the time of day, or two to say good bye."
ANSWERS = {
    "1": "It is time to build something with this.",
    "2": "Good bye, and thank you for calling.",
}


class Ivr:
    """The application.

    Args:
        api: an HTTP session on the server's base URL, with the app's credentials.
        secret: the app's webhook secret; webhooks that are not signed with it are refused.
    """

    def __init__(self, api: ClientSession, secret: str) -> None:
        self._api = api
        self._signature = Webhook(secret)
        self._reactions: set[asyncio.Task[None]] = set()

    async def webhook(self, request: web.Request) -> web.Response:
        """One event. The answer comes first; what follows from it is a request of our own."""
        event: dict[str, Any] = self._signature.verify(await request.text(), dict(request.headers))
        task = asyncio.get_running_loop().create_task(self.react(event))
        self._reactions.add(task)  # the event loop alone would not keep it
        task.add_done_callback(self._reactions.discard)
        return web.Response(status=204)

    async def react(self, event: dict[str, Any]) -> None:
        """What comes next in the dialogue."""
        call = f"/voice/v1/call/{event['voice_id']}"
        name = event.get("state") or event.get("playstate")
        log.info("%s %s %s", event["voice_id"], name, event.get("digit", ""))
        match name:
            case "incomingcall":
                await self._ask("PUT", f"{call}/accept")
            case "connected" | "menutimeout":
                await self._say(call, MENU, prompt_ref="menu", dtmf=True, max_digits=1)
            case "digitcollected":
                answer = ANSWERS.get(event["digit"], "There is no such choice.")
                await self._say(call, answer, prompt_ref="answer")
            case "playfinished" if event.get("prompt_ref") == "answer":
                await self._ask("DELETE", call)

    async def _say(self, call: str, text: str, **more: Any) -> None:
        body = {"text": text, "language": "en-US", "voice": "female", **more}
        await self._ask("PUT", f"{call}/play", body)

    async def _ask(self, method: str, path: str, body: Any = None) -> None:
        """One request. A caller who has hung up meanwhile (404) is no error of ours."""
        async with self._api.request(method, path, json=body) as answer:
            if answer.status not in (200, 404):
                log.error("%s %s: %s %s", method, path, answer.status, await answer.text())


def application(base_url: str, app_id: str, app_key: str, secret: str) -> web.Application:
    """The web application; its webhook is `POST /events`."""
    app = web.Application()

    async def ivr(app: web.Application) -> AsyncIterator[None]:
        credentials = {"Authorization": encode_basic_auth(app_id, app_key)}
        async with ClientSession(base_url, headers=credentials) as api:
            app[IVR] = Ivr(api, secret)
            yield

    async def webhook(request: web.Request) -> web.Response:
        return await request.app[IVR].webhook(request)

    app.cleanup_ctx.append(ivr)
    app.router.add_post("/events", webhook)
    return app


IVR = web.AppKey("ivr", Ivr)


def main() -> None:
    """Serve on 127.0.0.1:8300, or HOST:PORT, for the server and app that the environment names."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    env = os.environ
    app = application(
        env.get("API_URL", "http://127.0.0.1:8200"),
        env["APP_ID"],
        env["APP_KEY"],
        env["WEBHOOK_SECRET"],
    )
    host, port = env.get("HOST", "127.0.0.1"), int(env.get("PORT", "8300"))
    web.run_app(app, host=host, port=port, access_log=None)


if __name__ == "__main__":
    main()
