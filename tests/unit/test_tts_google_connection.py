"""The connection with TLS and a service account's key, as it is in production but for the address.

The client is another process: gRPC reads its roots once, so a test must not choose them for all.
"""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import grpc
import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from tests.fakes.google_tts import Service

ACCOUNT = "voice@project-1.iam.gserviceaccount.com"
CLIENT = """
import asyncio, sys
from adapter.plugin_api import CannotStart, SpeechRequest
from plugins.tts_google import GoogleTTS

async def main():
    try:
        tts = await GoogleTTS.start({"endpoint": sys.argv[1]})
    except CannotStart as fault:
        print(fault)
        return
    print((await tts.synthesize(SpeechRequest(text="hello", language="en-US"))).seconds)
    await tts.close()

asyncio.run(main())
"""


def pem(key: rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def certificate(key: rsa.RSAPrivateKey) -> bytes:
    """A certificate of 127.0.0.1 for a day, signed by itself."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    start = datetime.datetime.now(datetime.UTC) - datetime.timedelta(hours=1)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM)


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture
def service(key: rsa.RSAPrivateKey, tmp_path: Path) -> Iterator[Service]:
    chain = certificate(key)
    (tmp_path / "roots.pem").write_bytes(chain)
    (tmp_path / "key.json").write_text(
        json.dumps(
            {
                "type": "service_account",
                "client_email": ACCOUNT,
                "private_key": pem(key).decode(),
                "private_key_id": "1",
                "token_uri": "https://127.0.0.1:9/never-asked",
            }
        )
    )
    service = Service(grpc.ssl_server_credentials([(pem(key), chain)]))
    yield service
    service.close()


async def client(endpoint: str, **environment: str) -> str:
    """What the client says."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        CLIENT,
        endpoint,
        env={**os.environ, **environment},
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(40):
            said, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return said.decode().strip()


async def test_key_file_and_tls(service: Service, key: rsa.RSAPrivateKey, tmp_path: Path) -> None:
    """Speech comes over TLS, and each request has a token that the account's key has signed."""
    said = await client(
        service.endpoint,
        GOOGLE_APPLICATION_CREDENTIALS=str(tmp_path / "key.json"),
        GRPC_DEFAULT_SSL_ROOTS_FILE_PATH=str(tmp_path / "roots.pem"),
    )
    assert said == "0.1"
    assert len(service.tokens) == 2
    for token in service.tokens:
        scheme, _, content = token.partition(" ")
        claims = jwt.decode(content, key.public_key(), ["RS256"], options={"verify_aud": False})
        assert (scheme, claims["iss"]) == ("Bearer", ACCOUNT)


async def test_certificate_is_checked(service: Service, tmp_path: Path) -> None:
    """A server that nobody vouches for gets no token, and it does not start."""
    said = await client(service.endpoint, GOOGLE_APPLICATION_CREDENTIALS=str(tmp_path / "key.json"))
    assert f"{service.endpoint} lists no voices" in said
    assert service.tokens == []
