"""Entry points to plug-ins: ours come in through the same door, and bad ones are named at start.

The strangers here are real distributions on `sys.path`: metadata folders and modules in tmp_path.
"""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from adapter import registry
from adapter.registry import PluginFault, load_tts, start_tts
from plugins.tts_espeak import EspeakTTS
from tests.unit.test_tts_espeak import espeak

PREAMBLE = """
from adapter.plugin_api import TTS, CannotStart
from tests.fakes.speech import ScriptedTTS
"""

Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Install a distribution that has one plug-in."""

    def install(code: str, *, name: str = "stranger", target: str = "Mine") -> None:
        number = len(list(tmp_path.iterdir()))
        module = f"stranger_{tmp_path.name.replace('-', '_')}_{number}"
        folder = tmp_path / str(number)
        info = folder / f"{module}-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[ari_voice.tts]\n{name} = {module}:{target}\n")
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
