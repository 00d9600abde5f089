"""Trunks and phones that were declared are there in Asterisk, and change while the server runs."""

from __future__ import annotations

import asyncio
import json

import pytest

from tests.live.adapter_process import AdapterProcess
from tests.live.asterisk import Carrier, Instance
from tests.live.conftest import Api, Eventually
from tests.live.sip_phone import SipPhone

pytestmark = pytest.mark.live


async def test_phone_registers_and_is_called(api: Api, asterisk: Instance) -> None:
    """A phone registers with its password, not with another, and the API rings it."""
    server = ("127.0.0.1", asterisk.sip_port)
    wrong = SipPhone("0003*210", "not-the-password", server)
    phone = SipPhone("0003*210", "a-long-password", server)
    await wrong.open()
    await phone.open()
    try:
        assert await wrong.register() in (401, 403)
        assert await phone.register() == 200
        await api.place("0003*210")
        async with asyncio.timeout(5):
            invite = await phone.invited.get()
        assert "+15551000" in invite.split("\r\nFrom:")[1].split("\r\n")[0]
        await api.over()
        assert (await api.event("disconnected"))["sip_code"] == 486
    finally:
        wrong.close()
        phone.close()


async def test_trunk_is_added_while_the_server_runs(
    api: Api, adapter: AdapterProcess, carrier: Carrier, eventually: Eventually
) -> None:
    """`apply` adds a trunk that registers; a call comes in through its registration."""
    report = json.loads((carrier.dir / "instance.json").read_text())
    (adapter.folder / "more.toml").write_text(
        f"""
[[trunk]]
name = "registered"
uri = "sip:127.0.0.1:{carrier.sip_port}"
username = "subscriber"
password = "{report["trunk_password"]}"
register = true
"""
    )
    assert "created   trunk registered" in await adapter.cli("apply", "more.toml")

    def registered() -> bool:
        return "subscriber/sip:" in carrier.cli("pjsip show contacts")

    await eventually(registered, 20)
    carrier.call(to="+15551000", from_="+15557770009", behave="wait:5", via="subscriber")
    call = (await api.event("incomingcall"))["voice_id"]
    await api.hang_up(call)
    await api.over()


async def test_password_of_a_trunk_is_mended(
    adapter: AdapterProcess, asterisk: Instance, carrier: Carrier, eventually: Eventually
) -> None:
    """A registration that the carrier refuses is tried again as soon as the password is another."""
    report = json.loads((carrier.dir / "instance.json").read_text())
    trunk = f"""
[[trunk]]
name = "mended"
uri = "sip:127.0.0.1:{carrier.sip_port}"
username = "subscriber"
register = true
password = """
    file = adapter.folder / "more.toml"

    def state(wanted: str) -> bool:
        lines = asterisk.cli("pjsip show registrations").splitlines()
        return any("trunk-mended/" in line and wanted in line for line in lines)

    file.write_text(f'{trunk}"not-the-password"')
    await adapter.cli("apply", "more.toml")
    await eventually(lambda: state("Rejected"), 20)
    file.write_text(f'{trunk}"{report["trunk_password"]}"')
    await adapter.cli("apply", "more.toml")
    await eventually(lambda: state("Registered"), 20)


async def test_a_trunk_moves(
    adapter: AdapterProcess, asterisk: Instance, eventually: Eventually
) -> None:
    """Its old address is neither called nor believed any more; also when the server restarts."""
    file = adapter.folder / "more.toml"
    addresses = ("127.0.0.21", "127.0.0.22", "127.0.0.23")

    def known() -> tuple[list[str], list[str]]:
        contacts = asterisk.cli("pjsip show aor trunk-moves")
        matches = asterisk.cli("pjsip show identify trunk-moves")
        return (
            [one for one in addresses if f"sip:{one}:5099" in contacts],
            [one for one in addresses if f"{one}/32" in matches],
        )

    for address in addresses:
        file.write_text(
            f'[[trunk]]\nname = "moves"\nuri = "sip:{address}:5099"\nmatch = ["{address}"]\n'
        )
        if address == addresses[-1]:
            await adapter.kill()
        await adapter.cli("apply", "more.toml")
        if address == addresses[-1]:
            await adapter.start()
        await eventually(lambda new=address: all(new in found for found in known()), 10)
        assert known() == ([address], [address])


async def test_what_a_trunk_lost_while_nobody_looked(
    adapter: AdapterProcess, asterisk: Instance, eventually: Eventually
) -> None:
    """Changed while the server was down, it neither registers nor is known by an address."""
    file = adapter.folder / "more.toml"
    trunk = '[[trunk]]\nname = "plain"\nuri = "sip:127.0.0.24:5099"\n'
    login = 'username = "u"\npassword = "p"\nregister = true\nmatch = ["127.0.0.24"]\n'

    def objects() -> int:
        shown = [asterisk.cli(f"pjsip show {kind}s") for kind in ("registration", "identifie")]
        return sum("trunk-plain" in one for one in [*shown, asterisk.cli("pjsip show auths")])

    file.write_text(trunk + login)
    await adapter.cli("apply", "more.toml")
    await eventually(lambda: objects() == 3, 10)
    await adapter.kill()
    file.write_text(trunk)
    await adapter.cli("apply", "more.toml")
    await adapter.start()
    assert "trunk-plain" in asterisk.cli("pjsip show endpoints")
    assert objects() == 0


async def test_what_was_removed_while_the_server_was_down(
    adapter: AdapterProcess, asterisk: Instance, eventually: Eventually
) -> None:
    """A backup from before a phone and a trunk is put back: they are in Asterisk no more."""
    kinds = ("endpoint", "aor", "auth", "registration", "identifie")

    def objects() -> int:
        shown = [asterisk.cli(f"pjsip show {kind}s") for kind in kinds]
        return sum("trunk-gone" in one for one in shown) + sum("0003*404" in one for one in shown)

    await adapter.cli("backup", "before.db")
    (adapter.folder / "more.toml").write_text(
        """
[[trunk]]
name = "gone"
uri = "sip:127.0.0.25:5099"
username = "u"
password = "p"
register = true
match = ["127.0.0.25"]
[[phone]]
extension = "0003*404"
password = "a-long-password"
"""
    )
    await adapter.cli("apply", "more.toml")
    await eventually(lambda: objects() == 8, 10)
    await adapter.kill()
    for database in (adapter.folder / "var").glob("ari-voice.db*"):
        database.unlink()
    (adapter.folder / "before.db").rename(adapter.folder / "var" / "ari-voice.db")
    await adapter.start()
    assert objects() == 0
    shown = asterisk.cli("pjsip show endpoints")
    assert "trunk-carrier" in shown
    assert "0003*210" in shown


async def test_what_was_applied_is_there_after_asterisk_restarted(
    adapter: AdapterProcess, asterisk: Instance, eventually: Eventually
) -> None:
    """Asterisk forgets pushed objects when it restarts; they are pushed again."""
    asterisk.kill()
    asterisk.restart()
    await eventually(lambda: "trunk-carrier" in asterisk.cli("pjsip show endpoints"), 15)
    await eventually(lambda: "0003*210" in asterisk.cli("pjsip show endpoints"), 5)
    await adapter.wait_ready()
