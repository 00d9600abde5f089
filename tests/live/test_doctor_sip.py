"""`ari-voice doctor` and SIP on real Asterisks: certificates, registrations, what was pushed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.live.adapter_process import AdapterProcess
from tests.live.asterisk import Carrier, Instance
from tests.live.conftest import leftovers
from tests.unit.certificates import Issued, issue

pytestmark = pytest.mark.live

Results = dict[str, dict[str, str]]
Start = Callable[[str, Path, Path], Instance]


@pytest.fixture(scope="module")
def authority() -> Issued:
    return issue()


@pytest.fixture(scope="module")
def start(folder: Path) -> Iterator[Start]:
    """Starts an Asterisk with SIP over TLS, with a certificate and a key."""
    started: list[Instance] = []

    def begin(name: str, cert: Path, key: Path) -> Instance:
        tls = ("--tls-cert", str(cert), "--tls-key", str(key), "--tls-ca", str(cert))
        instance = Instance(folder / f"doctor-{name}", *tls)
        started.append(instance)
        instance.start()
        return instance

    yield begin
    for instance in started:
        instance.stop()


def files(authority: Issued, folder: Path, *, days: int = 90) -> tuple[Path, Path]:
    """Of a certificate with its authority, as it has to be, and of its key."""
    cert, key = issue(["127.0.0.1"], days=days, by=authority).files(folder, f"in-{days}-days")
    chain, _ = authority.files(folder, "authority")
    cert.write_bytes(cert.read_bytes() + chain.read_bytes())
    return cert, key


def process_of(folder: Path, asterisk: Instance, tables: str) -> AdapterProcess:
    """An adapter at an Asterisk, with an application that is nowhere."""
    process = AdapterProcess(
        folder, asterisk=asterisk, ari_port=asterisk.http_port, carrier_sip_port=9,
        event_url="http://127.0.0.1:9/", webhook_port=9,
    )  # fmt: skip
    (process.folder / "sip.toml").write_text(tables)
    return process


async def examined(process: AdapterProcess) -> Results:
    """The results by name."""
    said = await process.cli("doctor", "--json", check=False)
    return {result["name"]: result for result in json.loads(said)["checks"]}


async def held(asterisk: Instance) -> dict[str, Any]:
    """What Asterisk has of applications, channels, bridges and endpoints."""
    auth = {"Authorization": aiohttp.encode_basic_auth(asterisk.ari_user, asterisk.ari_password)}
    found = {}
    async with aiohttp.ClientSession(headers=auth) as session:
        for what in ("applications", "channels", "bridges", "endpoints"):
            async with session.get(f"{asterisk.ari_url}/{what}") as answer:
                listed = json.loads(await answer.text())
                found[what] = sorted(listed, key=lambda one: json.dumps(one, sort_keys=True))
    return found


async def alter(asterisk: Instance, method: str, named: str, **attributes: str) -> None:
    """Change or delete a PJSIP object, behind the adapter's back."""
    url = f"{asterisk.ari_url}/asterisk/config/dynamic/res_pjsip/{named}"
    auth = {"Authorization": aiohttp.encode_basic_auth(asterisk.ari_user, asterisk.ari_password)}
    fields = [{"attribute": name, "value": value} for name, value in attributes.items()]
    async with (
        aiohttp.ClientSession(headers=auth) as session,
        session.request(method, url, json={"fields": fields}) as answer,
    ):
        assert answer.status in (200, 204)


@pytest.fixture
async def adapter(
    authority: Issued, folder: Path, start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[AdapterProcess, Instance]]:
    """An adapter with trunks that register over TLS, rightly and wrongly, and a phone with SRTP."""
    cert, key = files(authority, tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.files(tmp_path, "authority")[0]))
    asterisk = start("well", cert, key)
    tls = ("--tls-cert", str(cert), "--tls-key", str(key), "--tls-ca", str(cert))
    where = f"127.0.0.1:{asterisk.tls_port}"
    carrier = Carrier(folder / "doctor-car", asterisk.sip_port, "--adapter-tls", where, *tls)
    carrier.start()
    tables = "".join(
        f"""
[[trunk]]
name = "{name}"
uri = "sip:127.0.0.1:{carrier.tls_port};transport=tls"
username = "subscriber"
password = "{password}"
register = true
match = {match}
"""
        for name, password, match in (
            ("right", carrier.trunk_password, ["192.0.2.1", "198.51.100.0/24"]),
            ("wrong", "of somebody else", ["2001:db8::1", "2001:db8:1::/48"]),
        )
    )
    phone = '[[phone]]\nextension = "0003*210"\npassword = "a-long-password"\nsrtp = true\n'
    process = process_of(tmp_path / "adapter", asterisk, tables + phone)
    await process.cli("apply", "sip.toml")
    await process.start()
    yield process, asterisk
    await process.stop()
    carrier.stop()


async def test_trunks_over_tls(adapter: tuple[AdapterProcess, Instance]) -> None:
    """Who is trusted and registered; what Asterisk has, has too much, has lost; nothing is left."""
    process, asterisk = adapter
    async with asyncio.timeout(20):
        while "unregistered" in str(await examined(process)):
            await asyncio.sleep(0.5)
    before = await held(asterisk)
    results = await examined(process)
    for name in ("sip tls", "sip tls trunk right", "registration right", "trunks", "phones"):
        assert results[name]["state"] == "ok", results[name]
    assert "127.0.0.1 is good until" in results["sip tls"]["text"]
    assert results["trunks"]["text"] == "all 2 are in Asterisk"
    assert "Asterisk trusts it" in results["sip tls trunk right"]["text"]
    assert "Asterisk trusts it" not in results["sip tls trunk wrong"]["text"]
    assert results["phones"]["text"] == "all 1 are in Asterisk, 0 registered"
    assert results["registration wrong"]["state"] == "failed"
    assert leftovers(asterisk) == {}
    assert await held(asterisk) == before
    await alter(asterisk, "PUT", "aor/trunk-right", contact="sip:127.0.0.99")
    stale = (await examined(process))["trunks"]
    assert stale["state"] == "warning"
    assert "right still has contact sip:127.0.0.99; if that stays" in stale["text"]
    await alter(asterisk, "DELETE", "endpoint/trunk-right")
    lost = (await examined(process))["trunks"]
    assert lost["state"] == "failed"
    assert "does not have right" in lost["text"]


async def test_asterisk_without_tls(asterisk: Instance, tmp_path: Path) -> None:
    """A trunk needs it: it fails, before the first call does; and the server is not there."""
    uri = "sip:127.0.0.1:9;transport=tls"
    tables = f'[[trunk]]\nname = "away"\nuri = "{uri}"\nmatch = ["192.0.2.1"]\n'
    process = process_of(tmp_path / "adapter", asterisk, tables)
    await process.cli("apply", "sip.toml")
    results = await examined(process)
    assert results["sip tls"]["state"] == "failed"
    assert "trunk away need SIP over TLS" in results["sip tls"]["text"]
    assert results["sip tls trunk away"]["state"] == "warning"
    assert results["trunks"]["state"] == "warning"


@pytest.mark.parametrize("what", ["expired", "key"])
async def test_a_certificate_that_cannot_be_used(
    what: str, authority: Issued, start: Start, tmp_path: Path
) -> None:
    """Asterisk starts with one that has expired, and with another's key; calls would fail."""
    cert, key = files(authority, tmp_path, days=-1 if what == "expired" else 90)
    if what == "key":
        _, key = issue(["127.0.0.1"]).files(tmp_path, "other")
    process = process_of(tmp_path / "adapter", start(what, cert, key), "")
    result = (await examined(process))["sip tls"]
    assert result["state"] == "failed", result
    assert ("expired" if what == "expired" else "no TLS") in result["text"]
