"""`ari-voice doctor` and `ari-voice backup` with a whole deployment around them."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from tests.contract.stack import Stack


@pytest.fixture
def whole(idle: Stack) -> Stack:
    """A deployment whose folders are there, as after a first start."""
    (idle.folder / "media").mkdir(exist_ok=True)
    (idle.folder / "recordings").mkdir()
    idle.ari.config["transport", "transport-udp"] = {}
    return idle


async def examined(stack: Stack) -> tuple[int, dict[str, Any]]:
    """Exit code, and the results by name, of a doctor who comes from outside."""
    status, said = await asyncio.to_thread(stack.command, "doctor", "--json")
    report = json.loads(said)
    assert report["ok"] is (status == 0)
    return status, {result["name"]: result for result in report["checks"]}


def states(results: dict[str, Any], state: str) -> set[str]:
    return {name for name, result in results.items() if result["state"] == state}


async def test_a_deployment_that_is_well(whole: Stack) -> None:
    """Everything is looked at, and nothing fails, while the server is not running."""
    status, results = await examined(whole)
    assert states(results, "failed") == set(), results
    assert status == 0
    assert set(results) == {
        "asterisk", "clock", "ari", "ami", "rtp", "media websocket", "media folder",
        "recordings folder", "nat", "disk of database", "disk of media", "disk of recordings",
        "database", "tts scripted", "asr ears", f"webhook {whole.sink.url('')}".rstrip("/"),
        "server", "tls", "sip tls", "trunks", "phones", "registration",
    }  # fmt: skip
    assert results["asterisk"]["text"] == "version 22.10.1"


async def test_nothing_of_it_is_left(whole: Stack) -> None:
    """No channel, no file, no webhook, no playback that goes on."""
    await examined(whole)
    await whole.ari.wait_for(lambda: not whole.ari.channels)
    assert not list(whole.folder.rglob("*doctor*"))
    assert not whole.sink.received
    assert whole.ari.count("play") == 1


async def test_beside_a_running_server(whole: Stack) -> None:
    """Its call goes on, its application is its own, and no webhook comes of the doctor."""
    await whole.start()
    call = await whole.connected()
    told = len(whole.sink.received)
    status, results = await examined(whole)
    assert status == 0, results
    assert "known to Asterisk" in results["ari"]["text"]
    assert (await whole.ask("GET", f"/call/{call}")).status == 200
    assert f"{call}.leg1" in whole.ari.channels
    assert len(whole.sink.received) == told
    await whole.stop()


async def test_without_asterisk(whole: Stack) -> None:
    """What needs it fails, each with what to do; everything else is looked at all the same."""
    await whole.ari.refuse_connections()
    await whole.ami.close()
    status, results = await examined(whole)
    await whole.ami.listen()
    assert status == 1
    assert states(results, "failed") == {"asterisk", "ami", "audio", "sip tls", "trunks"}
    assert "is it running" in results["asterisk"]["text"]
    assert "manager.conf" in results["ami"]["text"]
    assert results["database"]["state"] == "ok"


async def test_wrong_passwords(whole: Stack) -> None:
    """ARI's and AMI's are told apart, and neither is shown."""
    whole.ari.password = whole.ami.secret = "changed-meanwhile"
    status, results = await examined(whole)
    assert status == 1
    assert "ari.conf" in results["asterisk"]["text"]
    assert "manager.conf" in results["ami"]["text"]
    assert "secret-of-a-test" not in json.dumps(results)


async def test_an_old_asterisk_with_few_ports(whole: Stack) -> None:
    """Its version fails, and the few ports are a warning."""
    whole.ari.version = "22.9.0"
    whole.ami.rtp_conf = {"rtpstart": "10000", "rtpend": "10009"}
    status, results = await examined(whole)
    assert status == 1
    assert states(results, "failed") == {"asterisk"}
    assert results["rtp"]["state"] == "warning"
    assert "5 legs" in results["rtp"]["text"]


async def test_folders_that_asterisk_does_not_see(whole: Stack) -> None:
    """What can't be played, and what is recorded elsewhere, is a failure by its folder."""
    whole.ari.world.default_media = None
    status, results = await examined(whole)
    assert status == 1
    assert states(results, "failed") == {"media folder"}
    whole.ari.world.default_media = 0.0
    whole.ami.silent = True
    status, results = await examined(whole)
    assert status == 1
    assert states(results, "failed") == {"recordings folder"}


async def test_an_asterisk_that_hangs(whole: Stack) -> None:
    """Each check has its time; the others are made."""
    whole.ami.mute = True
    async with asyncio.timeout(15):
        status, results = await examined(whole)
    assert status == 1
    assert "no answer" in results["ami"]["text"]
    assert results["asterisk"]["state"] == "ok"
    assert results["media websocket"]["state"] == "ok"


async def test_before_the_first_start(idle: Stack) -> None:
    """What the server will make is a warning, and no failure."""
    for file in idle.folder.glob("ari-voice.db*"):
        file.unlink()
    status, results = await examined(idle)
    assert status == 0, results
    assert {"recordings folder", "database"} <= states(results, "warning")
    assert not (idle.folder / "recordings").exists()
    assert not (idle.folder / "ari-voice.db").exists()


async def test_an_application_that_is_away(whole: Stack) -> None:
    """Its host fails, without its path, which may be secret."""
    whole.provision(hook="http://127.0.0.1:9/hook?token=hush")
    status, results = await examined(whole)
    assert status == 1
    assert states(results, "failed") == {"webhook http://127.0.0.1:9"}
    assert "hush" not in json.dumps(results)


async def test_for_people(whole: Stack) -> None:
    """A line for each result, and the sum at the end."""
    status, said = await asyncio.to_thread(whole.command, "doctor")
    assert status == 0
    lines = said.splitlines()
    assert lines[0] == "ok       asterisk: version 22.10.1"
    assert lines[-1].endswith(", failed 0")


async def test_settings_that_can_not_be_used(whole: Stack) -> None:
    """Exit code 2."""
    whole.configure("[nonsense]")
    assert (await asyncio.to_thread(whole.command, "doctor"))[0] == 2


async def test_backup_of_a_running_server(stack: Stack, tmp_path: Path) -> None:
    """The copy has the call that is up; with it in the place of the database the call is there."""
    call = await stack.connected()
    status, said = await asyncio.to_thread(stack.command, "backup", str(tmp_path / "copy.db"))
    assert status == 0, said
    await stack.kill()
    for file in stack.folder.glob("ari-voice.db*"):
        file.unlink()
    (tmp_path / "copy.db").rename(stack.folder / "ari-voice.db")
    await stack.start()
    assert (await stack.ask("GET", f"/call/{call}")).status == 200
