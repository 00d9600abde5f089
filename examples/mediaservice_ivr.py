"""A telephone menu on the Mediaservice API: the server asks, this answers. No state is kept.

A call comes in (`newCall`): take it. What next (`getIvrCommand`)? Without digits: speak the menu
and wait for a key; with one: say what was chosen, and hang up. Run it with
`python -m examples.mediaservice_ivr`; the domain's public callback key comes from the environment.
"""

from __future__ import annotations

import hashlib
import logging
import os
from typing import Any

import jwt
from aiohttp import web

log = logging.getLogger(__name__)

MENU = "Welcome to the demonstration. Press one for the time of day, or two to say good bye."
ANSWERS = {
    "1": "It is time to build something with this.",
    "2": "Good bye, and thank you for calling.",
}


def say(text: str, **more: Any) -> dict[str, Any]:
    """A command that speaks."""
    voice = {"Text": text, "VoiceId": "Joanna", "LanguageCode": "en-US", "OutputFormat": "pcm"}
    return {"phrases": [{"format": "awstts", "awsTTSParameters": voice}], **more}


def command(asked: dict[str, Any]) -> dict[str, Any]:
    """What comes next in the dialogue, from what the caller has pressed."""
    match asked.get("dtmfParams"):
        case {"dtmfMatch": digit} if digit in ANSWERS:
            return say(ANSWERS[digit], hangup=True)
        case _:
            return say(MENU, bargeIn="all", dtmf={"flush": True, "maxDigits": 1})


def application(public_key: str) -> web.Application:
    """The web application: one route for all that we are asked and told."""

    async def answer(request: web.Request) -> web.Response:
        """Whoever knows the domain's private key may ask; the body is the one that was signed."""
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        try:
            claims = jwt.decode(token, public_key, algorithms=["RS256"])
        except jwt.PyJWTError as error:
            raise web.HTTPUnauthorized from error
        if claims["body_sha256"] != hashlib.sha256(await request.read()).hexdigest():
            raise web.HTTPUnauthorized
        question, asked = request.match_info["question"], await request.json()
        digits = asked.get("dtmfParams", {}).get("dtmfMatch", "")
        log.info("%s %s %s", asked.get("sessionId"), question, digits)
        match question:
            case "newCall":
                return web.json_response({"action": "ivr"})
            case "getIvrCommand":
                return web.json_response(command(asked))
            case _:  # callNotify, callAnswered, callEvent, sessionCompleted: nice to know
                return web.json_response({})

    app = web.Application()
    app.router.add_post("/{question}", answer)
    return app


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    web.run_app(
        application(os.environ["CALLBACK_PUBLIC_KEY"]),
        host="127.0.0.1",
        port=int(os.environ.get("PORT", "8301")),
        access_log=None,
    )
