"""What the live Mediaservice tests share: a domain, its application, and API calls."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.live.adapter_process import AdapterProcess
from tests.live.asterisk import Carrier, Instance
from tests.live.ivr_application import IvrApplication
from tests.live.wire import Wire

DOMAIN = "customer.example"
PASSWORD = "a-long-api-password"
CALLER = "+15557770001"
NUMBER = "+15551009"


def say(text: str, **more: Any) -> dict[str, Any]:
    """A command that speaks."""
    voice = {"Text": text, "VoiceId": "Joanna", "LanguageCode": "en-US"}
    return {"phrases": [{"format": "awstts", "awsTTSParameters": voice}], **more}


@pytest.fixture
async def ivr() -> AsyncIterator[IvrApplication]:
    """The application that is asked."""
    async with IvrApplication() as application:
        yield application


@pytest.fixture
async def server(
    tmp_path: Path, asterisk: Instance, wire: Wire, carrier: Carrier, ivr: IvrApplication
) -> AsyncIterator[AdapterProcess]:
    """A server with one domain."""
    process = AdapterProcess(
        tmp_path / "adapter",
        asterisk=asterisk,
        ari_port=wire.port,
        carrier_sip_port=carrier.sip_port,
        event_url=ivr.url,
        webhook_port=ivr.port,
    )
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    (process.folder / "api-private.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    (process.folder / "api.pem").write_bytes(
        key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )
    (process.folder / "domain.toml").write_text(
        f"""
[[domain]]
name = "{DOMAIN}"
callback_url = "{ivr.url}"
alarm_url = "http://127.0.0.1:{ivr.port}/alarm"
api_public_key_file = "api.pem"
api_user = "api"
api_password = "{PASSWORD}"
trunk = "carrier"
allowed_destinations = ["+1555", "sip:127.0.0.1:{carrier.sip_port}"]
[domain.voices]
Joanna = "en-US/female"
[[number]]
number = "{NUMBER}"
domain = "{DOMAIN}"
"""
    )
    await process.cli("apply", "provision.toml")
    await process.cli("apply", "domain.toml")
    await process.start()
    yield process
    await process.stop()
    assert "Traceback" not in process.log(), process.log()[-4000:]
    ivr.check_tokens(await process.cli("domain-key", DOMAIN))


def bearer(server: AdapterProcess, expires_in: float = 60.0) -> str:
    """A JWT of the application's (RS256)."""
    key = (server.folder / "api-private.pem").read_text()
    return "Bearer " + jwt.encode({"exp": time.time() + expires_in}, key, algorithm="RS256")


async def request(
    server: AdapterProcess, path: str, body: Any, authorization: str | None = None
) -> tuple[int, Any]:
    """One API call, with the domain's API user when nothing else is given."""
    basic = aiohttp.encode_basic_auth("api", PASSWORD)
    headers = {"Authorization": authorization or basic}
    url = f"{server.base}/mediaservice/{DOMAIN}/{path}"
    async with aiohttp.ClientSession(headers=headers) as session:
        if isinstance(body, bytes):
            async with session.put(url, data=body) as answer:
                return answer.status, await answer.json()
        async with session.post(url, json=body) as answer:
            return answer.status, await answer.json()
