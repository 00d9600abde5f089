"""TLS: for the API, and for SIP with encrypted audio (SRTP), between two real Asterisks."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.fakes.webhook_sink import WebhookSink
from tests.live.adapter_process import APP_ID, APP_KEY, AdapterProcess
from tests.live.asterisk import Carrier, Instance
from tests.live.audio import sides
from tests.live.conftest import Api, Eventually, leftovers
from tests.live.numbers import ECHOES
from tests.live.sip_phone import SipPhone
from tests.live.telephone import Telephone

pytestmark = [pytest.mark.live, pytest.mark.asyncio(loop_scope="module")]

_LOUD = 300.0  # RMS of 16-bit samples
_PHONE = "0003*210"


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that is its own authority, and its key: two PEM files."""
    folder.mkdir(exist_ok=True)
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "of a test")])
    uses = dict.fromkeys(
        ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
         "crl_sign", "encipher_only", "decipher_only"), False,
    )  # fmt: skip
    usage = x509.KeyUsage(digital_signature=True, key_cert_sign=True, **uses)
    addresses = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(datetime.now(UTC) - timedelta(hours=1))
        .not_valid_after(datetime.now(UTC) + timedelta(hours=1))
        .add_extension(addresses, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    form, cipher = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    files = folder / "cert.pem", folder / "key.pem"
    files[0].write_bytes(made.public_bytes(pem))
    files[1].write_bytes(key.private_bytes(pem, form, cipher))
    return files


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Certificate and key of all sides."""
    return certificate(tmp_path_factory.mktemp("tls") / "ours")


@pytest.fixture(scope="module")
def pair(folder: Path, files: tuple[Path, Path]) -> Iterator[tuple[Instance, Carrier]]:
    """The adapter's Asterisk and a carrier, both with TLS."""
    cert, key = map(str, files)
    tls = ("--tls-cert", cert, "--tls-key", key, "--tls-ca", cert)
    asterisk = Instance(folder / "tls-ast", *tls)
    asterisk.start()
    where = f"127.0.0.1:{asterisk.tls_port}"
    carrier = Carrier(folder / "tls-car", asterisk.sip_port, "--adapter-tls", where, *tls)
    carrier.start()
    yield asterisk, carrier
    left = leftovers(asterisk)
    carrier.stop()
    asterisk.stop()
    assert left == {}


def tables(carrier: Carrier, event_url: str) -> str:
    """A trunk and a phone with encrypted audio, a trunk that registers, who may call the phone."""
    uri = f"sip:127.0.0.1:{carrier.tls_port};transport=tls"
    return f"""
[[app]]
id = "{APP_ID}"
key = "{APP_KEY}"
event_url = "{event_url}"
allowed_destinations = ["+1555", "sip:127.0.0.1", "{_PHONE}"]
[[trunk]]
name = "carrier"
uri = "{uri}"
match = ["127.0.0.1"]
srtp = true
[[trunk]]
name = "registered"
uri = "{uri}"
username = "subscriber"
password = "{carrier.trunk_password}"
register = true
[[phone]]
extension = "{_PHONE}"
password = "a-long-password"
srtp = true
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def adapter(
    pair: tuple[Instance, Carrier],
    files: tuple[Path, Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[tuple[AdapterProcess, Api]]:
    """An adapter that speaks TLS to everybody, and its API, over HTTPS."""
    asterisk, carrier = pair
    headers = {"Authorization": aiohttp.encode_basic_auth(APP_ID, APP_KEY)}
    connector = aiohttp.TCPConnector(ssl=ssl.create_default_context(cafile=files[0]))
    async with WebhookSink() as sink:
        process = AdapterProcess(
            tmp_path_factory.mktemp("adapter"),
            asterisk=asterisk,
            carrier_sip_port=carrier.sip_port,
            event_url=sink.url(),
            webhook_port=sink.port,
        )
        (process.folder / "tls.toml").write_text(tables(carrier, sink.url()))
        for file in ("provision.toml", "tls.toml"):
            await process.cli("apply", file)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("ARI_VOICE_HTTP__TLS_CERT", str(files[0]))
            patch.setenv("ARI_VOICE_HTTP__TLS_KEY", str(files[1]))
            await process.start(ready=False)
        base = f"https://127.0.0.1:{process.port}"
        async with aiohttp.ClientSession(base, headers=headers, connector=connector) as session:
            await until_ready(session)
            yield process, Api(session, sink)
        await process.stop()
    assert "Traceback" not in process.log(), process.log()[-4000:]


@pytest.fixture
def api(adapter: tuple[AdapterProcess, Api]) -> Api:
    """The API, before any event."""
    adapter[1].sink.received.clear()
    return adapter[1]


async def until_ready(session: aiohttp.ClientSession) -> None:
    """`/readyz` says 200 within 20 s."""
    async with asyncio.timeout(20):
        while True:
            try:
                async with session.get("/readyz") as answer:
                    if answer.status == 200:
                        return
            except aiohttp.ClientConnectorError:
                pass
            await asyncio.sleep(0.05)


async def encrypted(asterisk: Instance, channel: str) -> tuple[str, str]:
    """Whether signalling and audio of a channel are, as Asterisk has it: "1" or "0"."""
    url = f"{asterisk.ari_url}/channels/{channel}/variable"
    auth = {"Authorization": aiohttp.encode_basic_auth(asterisk.ari_user, asterisk.ari_password)}
    said: list[str] = []
    async with aiohttp.ClientSession(headers=auth) as session:
        for variable in ("CHANNEL(pjsip,secure)", "CHANNEL(rtp,secure,audio)"):
            async with session.get(url, params={"variable": variable}) as answer:
                said.append(str(json.loads(await answer.text())["value"]))
    return said[0], said[1]


async def heard(api: Api, call: str) -> list[float]:
    """What each side said in two seconds that are recorded, as RMS: far end, near end."""
    assert (await api.request("PUT", f"/call/{call}/recording", {"start": True}))[0] == 200
    await api.play(call, text="One two three four five six seven eight nine ten")
    await asyncio.sleep(2)
    assert (await api.request("PUT", f"/call/{call}/recording", {"stop": True}))[0] == 200
    await api.event("completed")
    recording = next(e["recording_id"] for e in api.events(call) if "recording_id" in e)
    status, _, content = await api.fetch(f"/recording/{recording}?channels=2")
    assert status == 200
    return [float((side**2).mean() ** 0.5) for side in sides(content)]


async def end(api: Api, call: str) -> None:
    """Hang up, and wait for the end."""
    await api.hang_up(call)
    await api.over()


async def test_call_out(api: Api, pair: tuple[Instance, Carrier]) -> None:
    """A number is called through TLS with SRTP; what is said arrives, and its echo comes back."""
    call = await api.place(ECHOES)
    connected = await api.event("connected")
    assert await encrypted(pair[0], connected["channel_id"]) == ("1", "1")
    assert all(side > _LOUD for side in await heard(api, call))
    await end(api, call)


async def test_call_in(api: Api, pair: tuple[Instance, Carrier]) -> None:
    """The carrier calls through TLS with SRTP; both sides are heard."""
    asterisk, carrier = pair
    carrier.call(to="+15551000", from_="+15557770001", behave="echo", via="secure")
    call = (await api.event("incomingcall"))["voice_id"]
    assert (await api.request("PUT", f"/call/{call}/accept"))[0] == 200
    connected = await api.event("connected")
    assert await encrypted(asterisk, connected["channel_id"]) == ("1", "1")
    assert all(side > _LOUD for side in await heard(api, call))
    await end(api, call)


async def test_address_over_tls(api: Api, pair: tuple[Instance, Carrier]) -> None:
    """A SIP address with transport=tls is called over TLS; its audio is plain (docs/tls.md)."""
    asterisk, carrier = pair
    address = f"sip:{ECHOES.removeprefix('+')}@127.0.0.1:{carrier.tls_port};transport=tls"
    call = await api.place(address)
    connected = await api.event("connected")
    assert await encrypted(asterisk, connected["channel_id"]) == ("1", "0")
    await end(api, call)


async def test_plain_audio_is_refused(api: Api, pair: tuple[Instance, Carrier]) -> None:
    """The trunk's address calls without SRTP: refused, and the application hears nothing of it."""
    plain = Telephone(500, ("127.0.0.1", pair[0].sip_port))
    await plain.open()
    try:
        await plain.call("+15551000", "+15557770001")
        await plain.wait(plain.over)
        assert not plain.up.is_set()
        assert api.events() == []
    finally:
        plain.close()


async def test_phone_is_offered_srtp_alone(api: Api, pair: tuple[Instance, Carrier]) -> None:
    """A phone with `srtp` is invited to SRTP, with the key for it, and to nothing else."""
    phone = SipPhone(_PHONE, "a-long-password", ("127.0.0.1", pair[0].sip_port))
    await phone.open()
    try:
        assert await phone.register() == 200
        await api.place(_PHONE)
        async with asyncio.timeout(5):
            invite = await phone.invited.get()
        media = [line for line in invite.splitlines() if line.startswith("m=")]
        assert [line.split()[2] for line in media] == ["RTP/SAVP"]
        assert "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" in invite
        await api.over()
    finally:
        phone.close()


async def test_trunk_registers_over_tls(
    api: Api, pair: tuple[Instance, Carrier], eventually: Eventually
) -> None:
    """The registration goes over TLS, and names a contact that is called over TLS."""
    asterisk, carrier = pair

    def registered() -> bool:
        contacts = carrier.cli("database show registrar").lower()
        return f":{asterisk.tls_port};transport=tls" in contacts

    await eventually(registered, 20)


async def test_certificate_of_a_stranger(api: Api, tmp_path: Path) -> None:
    """A far end whose certificate no known authority signed gets no INVITE; the call fails."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate(tmp_path / "stranger"))
    arrived: list[bytes] = []

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        arrived.append(await reader.read(100))
        writer.close()

    knocks = await asyncio.start_server(take, "127.0.0.1", 0, ssl=context)
    async with knocks:
        port = knocks.sockets[0].getsockname()[1]
        await api.place(f"sip:bob@127.0.0.1:{port};transport=tls")
        ended = await api.event("disconnected")
    assert ended["sip_code"] == 503
    assert arrived in ([], [b""])


async def test_api_is_https_only(adapter: tuple[AdapterProcess, Api]) -> None:
    """The API answers over TLS to who trusts its certificate, and not over plain HTTP."""
    process, api = adapter
    assert (await api.request("GET", "/call/unknown"))[0] == 404
    async with aiohttp.ClientSession() as strange:
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await strange.get(f"https://127.0.0.1:{process.port}/livez")
        with pytest.raises(aiohttp.ClientError):
            await strange.get(f"http://127.0.0.1:{process.port}/livez")
