"""Entry points to plug-ins: ours come in through the same door, and bad ones are named at start.

The strangers here are real distributions on `sys.path`: metadata folders and modules in tmp_path.
"""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from adapter import registry
from adapter.registry import PluginFault, load_asr, load_tts, start_asr, start_tts
from plugins.asr_google import GoogleASR
from plugins.asr_pocketsphinx import PocketsphinxASR
from plugins.tts_espeak import EspeakTTS
from tests.unit.test_tts_espeak import espeak

PREAMBLE = """
from adapter.plugin_api import ASR, TTS, CannotStart, Unreachable
from tests.fakes.recognition import ScriptedASR
from tests.fakes.speech import ScriptedTTS
"""

Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Install a distribution that has one plug-in."""

    def install(code: str, *, name: str = "stranger", group: str = "ari_voice.tts") -> None:
        number = len(list(tmp_path.iterdir()))
        module = f"stranger_{tmp_path.name.replace('-', '_')}_{number}"
        folder = tmp_path / str(number)
        info = folder / f"{module}-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[{group}]\n{name} = {module}:Mine\n")
        (folder / f"{module}.py").write_text(PREAMBLE + textwrap.dedent(code))
        monkeypatch.syspath_prepend(str(folder))

    return install


GOOD = """
    class Mine(ScriptedTTS):
        @classmethod
        async def start(cls, settings):
            tts = cls()
            tts.settings = dict(settings)
            started.append(tts)
            return tts

    started = []
"""


async def test_espeak_comes_in_through_the_door() -> None:
    """The plug-in that we ship is found by its entry point and starts with its settings."""
    assert load_tts("espeak") is EspeakTTS
    plugins = await start_tts(["espeak"], {"espeak": {"command": espeak()}})
    assert [type(plugin) for plugin in plugins.values()] == [EspeakTTS]
    await registry.close(plugins.values())


async def test_stranger_gets_its_own_settings(install: Install) -> None:
    """Each plug-in gets its own table, an empty one when there is none; the order is kept."""
    install(GOOD, name="one")
    install(GOOD, name="two")
    plugins = await start_tts(["two", "one"], {"one": {"key": "1"}, "other": {"key": "2"}})
    assert list(plugins) == ["two", "one"]
    assert [vars(plugin)["settings"] for plugin in plugins.values()] == [{}, {"key": "1"}]


async def test_none_named() -> None:
    """No plug-in is wanted, none is started."""
    assert await start_tts([], {"espeak": {}}) == {}


def test_nothing_is_imported_that_is_not_named(install: Install) -> None:
    """A broken plug-in that nobody wants does no harm."""
    install("raise RuntimeError('imported')", name="broken")
    assert load_tts("espeak") is EspeakTTS


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("import no_such_module", "can't be imported.*no_such_module"),
        ("raise RuntimeError('hello')", "can't be imported.*hello"),
        ("x = (", "can't be imported"),
        ("", "can't be imported.*Mine"),
        ("Mine = ScriptedTTS()", "no subclass of TTS"),
        ("class Mine: pass", "no subclass of TTS"),
        ("class Mine(TTS): pass", "interface None.*has 1"),
        ("class Mine(ScriptedTTS): api_version = 2", "interface 2.*has 1"),
        ("class Mine(TTS): api_version = 1", "has no start, synthesize"),
    ],
)
def test_bad_plugin_is_named(install: Install, code: str, words: str) -> None:
    """What can't be a plug-in is refused by its name, with the reason."""
    install(code)
    with pytest.raises(PluginFault, match=f"(?s)'stranger'.*{words}"):
        load_tts("stranger")


@pytest.mark.parametrize("fault", ["CannotStart('no key')", "KeyError('no key')"])
async def test_plugin_that_does_not_start(install: Install, fault: str) -> None:
    """Its own error, or one that it should not have raised, names it; the others are closed."""
    install(GOOD, name="good")
    install(
        f"""
        class Mine(ScriptedTTS):
            @classmethod
            async def start(cls, settings):
                raise {fault}
        """,
        name="bad",
    )
    with pytest.raises(PluginFault, match=r"'bad' does not start.*no key") as raised:
        await start_tts(["good", "bad"], {})
    assert raised.value.__cause__ is not None
    (good,) = sys.modules[load_tts("good").__module__].started
    assert good.closed


UNREACHABLE = """
    class Mine(ScriptedTTS):
        @classmethod
        async def start(cls, settings):
            raise Unreachable('nobody answers')
"""


async def test_service_that_does_not_answer(
    install: Install, caplog: pytest.LogCaptureFixture
) -> None:
    """The adapter starts with the others and logs an error; with none at all it does not start."""
    install(UNREACHABLE, name="away")
    install(GOOD, name="good")
    assert list(await start_tts(["away", "good"], {})) == ["good"]
    (record,) = caplog.records
    assert (record.levelname, record.msg) == ("ERROR", "starts without a plug-in")
    assert "'away' does not start: nobody answers" in vars(record)["error"]
    with pytest.raises(PluginFault, match="'away' does not start: nobody answers"):
        await start_tts(["away"], {})
    with pytest.raises(PluginFault, match="'away' is named twice"):
        await start_tts(["good", "away", "away"], {})


def test_unknown_name() -> None:
    """The error says which names there are."""
    with pytest.raises(PluginFault, match=r"no plug-in 'espeek'.*installed: .*espeak"):
        load_tts("espeek")


def test_same_name_twice(install: Install) -> None:
    """Two distributions with one name: neither is taken by chance."""
    install(GOOD)
    install(GOOD)
    with pytest.raises(PluginFault, match="more than one plug-in 'stranger'"):
        load_tts("stranger")


async def test_named_twice_in_settings(install: Install) -> None:
    """A name that stands twice in the settings is a mistake."""
    install(GOOD)
    with pytest.raises(PluginFault, match="'stranger' is named twice"):
        await start_tts(["stranger", "stranger"], {})


EARS = "ari_voice.asr"


def test_recognisers_come_in_through_the_door() -> None:
    """Those that we ship are found by their entry points."""
    assert load_asr("pocketsphinx") is PocketsphinxASR
    assert load_asr("google_speech") is GoogleASR


async def test_a_recogniser_starts_and_closes(install: Install) -> None:
    """A stranger's gets its own settings, in the order of the names; the last is closed first."""
    code = """
        class Mine(ScriptedASR):
            @classmethod
            async def start(cls, settings):
                asr = cls()
                asr.settings = dict(settings)
                return asr
    """
    install(code, name="one", group=EARS)
    install(code, name="two", group=EARS)
    plugins = await start_asr(["two", "one"], {"one": {"key": "1"}})
    assert [vars(plugin)["settings"] for plugin in plugins.values()] == [{}, {"key": "1"}]
    assert list(plugins) == ["two", "one"]
    await registry.close(plugins.values())
    assert all(vars(plugin)["closed"] for plugin in plugins.values())


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("Mine = ScriptedTTS", "no subclass of ASR"),
        ("class Mine(ASR): api_version = 1", "has no recognise, start"),
        ("class Mine(ScriptedASR): api_version = 2", "interface 2.*has 1"),
    ],
)
def test_bad_recogniser_is_named(install: Install, code: str, words: str) -> None:
    """What is none is refused by its name; a synthesiser is none."""
    install(code, group=EARS)
    with pytest.raises(PluginFault, match=f"(?s)'stranger'.*{words}"):
        load_asr("stranger")


async def test_a_name_belongs_to_its_group() -> None:
    """A synthesiser's name is no recogniser's; the error names the group."""
    with pytest.raises(PluginFault, match=r"no plug-in 'espeak' in ari_voice\.asr.*pocketsphinx"):
        await start_asr(["espeak"], {})


def test_libraries_are_imported_only_when_named() -> None:
    """Without the plug-ins that need them, neither Google's library nor pocketsphinx is loaded."""
    code = (
        "import sys, adapter.app; from adapter.registry import load_tts; load_tts('espeak');"
        "sys.exit(any(name in sys.modules for name in ('google.cloud', 'grpc', 'pocketsphinx')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
