"""The rules of the house that a machine can hold (adapter/README.md). No rule here is about taste.

What a rule leaves out stands in a table beside it, with the reason.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from adapter.contracts.enablex import server as enablex
from adapter.contracts.enablex.auth import Gate
from adapter.contracts.enablex.feed import FEED_ROUTES
from adapter.contracts.enablex.recording_file import RECORDING_ROUTES
from adapter.core.errors import CoreError
from adapter.core.faults import Fault
from adapter.front_ends import openapi_document
from adapter.plugin_api import ASR, TTS
from adapter.plugin_api.asr_kit import ASRConformance
from adapter.plugin_api.kit import TTSConformance

ROOT = Path(__file__).parents[1]
OURS = sorted([*ROOT.glob("adapter/**/*.py"), *ROOT.glob("plugins/**/*.py")])
TESTS = sorted(ROOT.glob("tests/**/*.py"))
LINES, FUNCTION_LINES = 400, 40

NO_NAMES = {"utils", "util", "helpers", "helper", "common", "manager", "managers", "base", "misc"}

TESTED_ELSEWHERE = {
    "adapter.__main__": "tests/live runs `python -m adapter`",
    "adapter.ari.bridges": "test_ari_client.py: part of the client",
    "adapter.ari.channels": "test_ari_client.py: part of the client",
    "adapter.ari.commands": "tests/contract: each effect, and test_races.py its refusals",
    "adapter.ari.endpoints": "tests/contract/test_outages.py, and live test_provisioning.py",
    "adapter.ari.facts": "tests/contract: each event, and test_races.py what is none",
    "adapter.contracts.admin.ports": "Protocols and a record, nothing runs",
    "adapter.core.inputs.facts": "records, nothing runs; test_core_call.py feeds each of them",
    "adapter.core.model.admission": "a record, nothing runs",
    "adapter.core.model.bridge": "records; test_core_bridge.py, test_core_legs.py",
    "adapter.core.model.call": "records; test_core_call.py, and test_core_properties.py: each row",
    "adapter.core.model.dialogue": "records; test_core_dialogue.py",
    "adapter.core.model.ending": "records; test_core_causes.py",
    "adapter.core.outputs.notices": "records; each front end words each of them",
    "adapter.contracts.admin.declared": "test_admin_models.py, test_admin_domains.py",
    "adapter.contracts.mediaservice.bodies": "test_mediaservice_words.py: each body that is sent",
    "adapter.contracts.mediaservice.dialling": "test_mediaservice_flow.py: each placed call",
    "adapter.contracts.mediaservice.replies": "test_mediaservice_http.py: each reply",
    "adapter.front_ends": "tests/contract and tests/live: the server as a whole",
    "adapter.commands.apply": "test_cli_apply.py",
    "adapter.commands.inspect": "tests/contract/test_commands.py",
    "adapter.commands.invocation": "test_cli_apply.py, and each command",
    "adapter.commands.serve": "tests/live: the adapter is a process there",
    "adapter.commands.server": "tests/contract/test_commands.py, test_openapi; tests/live",
    "adapter.commands.timeline": "tests/contract/test_commands.py",
    "adapter.contracts.admin.fields": "test_admin_models.py, test_cli_apply.py",
    "adapter.media.recording_ports": "Protocols, nothing runs",
    "adapter.plugin_api.errors": "classes only; test_tts_cache.py and the kit raise them",
    "adapter.store.upkeep": "tests/contract/test_commands.py, test_old_calls_are_forgotten",
    "adapter.store.schema": "test_store_sqlite.py opens it, all store tests use it",
    "adapter.contracts.enablex.ports": "Protocols and a record, nothing runs",
    "adapter.engine.ports": "Protocols and records, nothing runs",
    "adapter.contracts.enablex.action": "test_idempotency.py, test_generation0.py",
    "adapter.contracts.enablex.dialling": "test_place_call_errors.py, test_bridging_errors.py",
    "adapter.contracts.enablex.events": "test_examples.py, and each webhook elsewhere",
    "adapter.contracts.enablex.own_call": "tests/contract/test_bridging_errors.py, test_whose_call",
    "adapter.contracts.enablex.playing": "tests/contract/test_play.py, test_play_errors.py",
    "adapter.contracts.enablex.auth": "tests/contract/test_http.py, test_credentials",
    "adapter.contracts.enablex.errors": "here, and tests/contract/test_*_errors.py",
    "adapter.contracts.enablex.parse": "tests/contract/test_*_errors.py, test_hostile.py",
    "adapter.contracts.enablex.sealing": "tests/contract/test_webhooks.py, test_encrypted",
    "adapter.contracts.enablex.server": "tests/contract/test_http.py",
    "adapter.contracts.enablex.voice": "tests/contract/test_place_call.py and its neighbours",
    "adapter.contracts.enablex.words": "tests/contract/wording.py: each body key by key",
    "adapter.contracts.http": "tests/contract/test_http.py",
    "adapter.contracts.openapi": "tests/contract/test_operations.py, test_fuzz.py",
    "adapter.metrics": "tests/contract/test_operations.py",
    "adapter.provisioned": "tests/contract/test_admin_provisioning.py, test_outages.py, and live",
}
"""Modules whose name no test file has, and whose path none imports; each with what tests it."""

CATCH_ALL = {
    "adapter/ari/listener.py": "each event: a bug in one must not stop the others",
    "adapter/engine/effects.py": "the effect runner: what a plug-in or command raises is a fact",
    "adapter/outbox/outbox.py": "each delivery",
    "adapter/contracts/admin/server.py": "the HTTP boundary: 500 in the API's JSON",
    "adapter/contracts/enablex/server.py": "the HTTP boundary: 500 in the contract's JSON",
    "adapter/contracts/mediaservice/server.py": "the HTTP boundary: 500 in the contract's JSON",
}
"""Where `except Exception` may stand, with the reason (house, "Names, docstrings, errors")."""


def module_of(file: Path) -> str:
    """The dotted name of a file."""
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def show(file: Path) -> str:
    """A file as the name of a test."""
    return str(file.relative_to(ROOT))


def functions(file: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """All functions and methods of a file."""
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def subclasses(kind: type) -> set[type]:
    """All subclasses that are defined by us."""
    for file in OURS:
        if file.name != "__main__.py" and "kit" not in file.name:
            import_module(module_of(file))
    return {one for one in _all(kind) if one.__module__.startswith(("adapter.", "plugins."))}


@pytest.mark.parametrize("file", [*OURS, *TESTS], ids=show)
def test_file_is_not_too_long(file: Path) -> None:
    """A file has at most 400 lines: more is more than one thing."""
    assert len(file.read_text("utf-8").splitlines()) <= LINES


@pytest.mark.parametrize("file", OURS, ids=show)
def test_functions_are_not_too_long(file: Path) -> None:
    """A function has at most 40 lines, without the decorators."""
    lengths = [(one.name, (one.end_lineno or 0) - one.lineno + 1) for one in functions(file)]
    assert [(name, length) for name, length in lengths if length > FUNCTION_LINES] == []


@pytest.mark.parametrize("file", OURS, ids=show)
def test_modules_are_nouns_of_the_trade(file: Path) -> None:
    """No module is named after nothing."""
    assert not NO_NAMES & set(module_of(file).split("."))


@pytest.mark.parametrize("file", [*OURS, *TESTS], ids=show)
def test_module_says_what_it_is(file: Path) -> None:
    """Each module that has code begins with a docstring."""
    tree = ast.parse(file.read_text("utf-8"))
    assert not tree.body or ast.get_docstring(tree)


@pytest.mark.parametrize("file", [f for f in TESTS if f.name.startswith("test_")], ids=show)
def test_each_test_says_what_it_proves(file: Path) -> None:
    """Each test has a docstring, whose first line is a sentence or the first half of one."""
    silent = [
        one.name
        for one in functions(file)
        if one.name.startswith("test_") and not ast.get_docstring(one)
    ]
    assert silent == []


MODULES = [file for file in OURS if file.name != "__init__.py"]


@pytest.mark.parametrize("file", MODULES, ids=show)
def test_module_has_tests(file: Path) -> None:
    """Each module has a test file of its name, or one that imports it, or an entry above."""
    module = module_of(file)
    package, _, name = module.rpartition(".")
    of_its_name = re.compile(rf"test_(?:{package.rpartition('.')[2]}_)?{name}(?:_\w+)?\.py")
    importing = re.compile(
        rf"from {re.escape(module)} import|import {re.escape(module)}\b"
        rf"|from {re.escape(package)} import (?:[^\n(]*|\([^)]*)\b{name}\b"
    )
    suites = [one for one in TESTS if one.name.startswith("test_") and one != Path(__file__)]
    assert module in TESTED_ELSEWHERE or any(
        of_its_name.fullmatch(one.name) or importing.search(one.read_text("utf-8"))
        for one in suites
    )


def test_tables_of_this_file_are_true() -> None:
    """What the tables leave out exists, so that nothing stays left out by accident."""
    assert set(TESTED_ELSEWHERE) <= {module_of(file) for file in MODULES}
    assert set(CATCH_ALL) <= {show(file) for file in OURS}
    named = {name for why in TESTED_ELSEWHERE.values() for name in re.findall(r"test_\w+\.py", why)}
    assert named <= {file.name for file in TESTS}


@pytest.mark.parametrize("file", OURS, ids=show)
def test_catch_all_stands_where_it_may(file: Path) -> None:
    """`except Exception`, `except BaseException` that ends there, and a bare one: in few places."""
    handlers = [
        node
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.ExceptHandler) and _catches_all(node)
    ]
    assert not handlers or show(file) in CATCH_ALL


def _catches_all(handler: ast.ExceptHandler) -> bool:
    """Whether a handler takes everything and does not raise it again at its end."""
    kind = handler.type
    if kind is not None and not (
        isinstance(kind, ast.Name) and kind.id in ("Exception", "BaseException")
    ):
        return False
    return not isinstance(handler.body[-1], ast.Raise)


CONTRACTS = sorted(ROOT.glob("adapter/contracts/*/errors.py"))


def test_there_is_a_contract() -> None:
    """The contracts are found: otherwise the next tests would test nothing."""
    assert CONTRACTS


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda file: file.parent.name)
@pytest.mark.parametrize("kind", [CoreError, Fault])
def test_contract_words_every_error(contract: Path, kind: type) -> None:
    """Each CoreError and Fault, those of the parts too, has a status and words of its own."""
    errors: Any = import_module(module_of(contract))
    kinds = subclasses(kind)
    assert kinds
    for one in kinds:
        problem = errors.problem_of(one())
        assert 400 <= problem.status < 600, one
        assert problem.msg, one
    direct = {one for one in kinds if one.__module__ in (CoreError.__module__, Fault.__module__)}
    assert direct <= {*errors.CORE_ERRORS, *errors.FAULTS}


def test_every_route_is_in_the_document() -> None:
    """What the server mounts and what /openapi.json says are the same, both ways."""
    routes = enablex.ROUTES + FEED_ROUTES + RECORDING_ROUTES
    app = enablex.application([(routes, object())], Gate.__new__(Gate), lambda: 0.0)
    served = {
        (route.method, enablex.BASES[0] + route.resource.canonical.rstrip("/"))
        for route in app.router.routes()
        if isinstance(route, web.ResourceRoute) and route.resource is not None
    }
    documented = {
        (method.upper(), path)
        for path, item in openapi_document().get("paths", {}).items()
        for method in item
        if path.startswith(enablex.BASES[0])
    }
    assert served == documented


@pytest.mark.parametrize(("kind", "kit"), [(TTS, TTSConformance), (ASR, ASRConformance)])
def test_plug_ins_inherit_the_kit(kind: type, kit: type) -> None:
    """Each plug-in of ours has a test class that inherits the conformance kit of its kind."""
    for file in TESTS:
        if "Conformance" in file.read_text("utf-8") and file.name.startswith("test_"):
            import_module(module_of(file))
    suites = {one for one in _all(kit) if one.__module__.startswith("tests.")}
    files = [ROOT / f"{one.__module__.replace('.', '/')}.py" for one in suites]
    text = "\n".join(file.read_text("utf-8") for file in files)
    plug_ins = {one for one in subclasses(kind) if one.__module__.startswith("plugins.")}
    assert plug_ins
    for plug_in in plug_ins:
        assert plug_in.__name__ in text


def _all(kind: type) -> set[type]:
    """All subclasses, whoever's."""
    direct: set[type] = set(type.__subclasses__(kind))
    return direct.union(*(_all(one) for one in direct))


def committed() -> list[Path]:
    """The files that git has or would take."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return [ROOT / name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]


LOCAL = re.compile(rb"/(?:home|Users)/[a-z]\w*/|/work/|/root/(?!\.)|[A-Z]:\\\\Users")


def test_no_path_of_one_machine() -> None:
    """No file names a folder that is only on the machine of who wrote it."""
    files = committed()
    assert len(files) > 100
    found = {
        show(file): match.group().decode()
        for file in files
        if file != Path(__file__) and (match := LOCAL.search(file.read_bytes()))
    }
    assert found == {}


IMPORT_LINTER = "import importlinter.cli as cli; raise SystemExit(cli.lint_imports(cache_dir=None))"


def test_import_rule() -> None:
    """The contracts of import-linter in pyproject.toml are kept.

    In a process of its own: import-linter sets logging anew for the whole process.
    """
    command = [sys.executable, "-c", IMPORT_LINTER]
    linted = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert linted.returncode == 0, linted.stdout + linted.stderr


def test_every_route_stands_in_the_readme() -> None:
    """The README has each operation of the OpenAPI document; preflights are one sentence."""
    readme = (ROOT / "README.md").read_text("utf-8")
    for path, item in openapi_document()["paths"].items():
        for method in item:
            if method != "options":
                assert f"`{method.upper()} {path}`" in readme
