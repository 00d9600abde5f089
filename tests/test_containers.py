"""The container files agree with each other, with the launcher and with the settings.

They are read here, not run: that they build and that calls go through them was seen with Docker,
and stands in docs/transcripts/containers.md.
"""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from adapter.configuration import load
from adapter.settings import PREFIX, Settings, described
from tests.container_files import (
    COMPOSE,
    DOCKER,
    DOCKERFILES,
    ROOT,
    compose,
    defaults,
    example,
    services,
    steps,
)

SECRETS = "/var/lib/ari-voice/secrets"
OF_COMPOSE = {"COMPOSE_FILE", "COMPOSE_PROFILES"}
"""Docker Compose's own variables."""
OF_PLUGINS = {"GOOGLE_APPLICATION_CREDENTIALS"}
"""Variables that a plug-in's library reads; env_file hands them on."""
NOT_IN_EXAMPLE = {
    "ARI_VOICE_ADMIN__TOKEN": "the secret is made at the first start",
    "ARI_VOICE_ADMIN__TOKEN_FILE": "compose.yaml sets it",
    "ARI_VOICE_ASTERISK__*": "compose.yaml: there is one Asterisk, and it is beside the adapter",
    "ARI_VOICE_DATABASE__PATH": "the image sets it: a volume",
    "ARI_VOICE_HTTP__HOST": "compose.yaml sets it",
    "ARI_VOICE_HTTP__PORT": "compose.yaml sets it; outside it is API_PORT",
    "ARI_VOICE_MEDIA__FOLDER": "the image sets it: a volume",
    "ARI_VOICE_RECORDINGS__FOLDER": "the image sets it: a volume",
    "ARI_VOICE_RETENTION__ANSWERS_HOURS": "seldom worth a change",
    "ARI_VOICE_WEBHOOKS__CONCURRENCY": "seldom worth a change",
    "ARI_VOICE_WEBHOOKS__RETRY": "seldom worth a change",
}
"""Settings that do not stand in .env.example, and why."""

sys.path.insert(0, str(ROOT / "asterisk-conf"))
from launcher import cli, debian  # noqa: E402


@pytest.mark.parametrize("file", DOCKERFILES, ids=lambda file: file.name)
def test_dockerfile_lints(file: Path) -> None:
    """Hadolint, which runs shellcheck over the RUN lines as well, has nothing to say."""
    hadolint = Path(sys.executable).with_name("hadolint")
    command = [hadolint, "--no-color", "-c", DOCKER / "hadolint.yaml", file]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@pytest.mark.parametrize("file", DOCKERFILES, ids=lambda file: file.name)
def test_what_is_copied_is_there(file: Path) -> None:
    """Each source of a COPY exists, and .dockerignore lets it in."""
    let_in = re.findall(r"^!(.+)$", (ROOT / ".dockerignore").read_text(), re.M)
    copied = [words.split()[:-1] for step, words in steps(file) if step == "COPY"]
    sources = [one for words in copied if not words[0].startswith("--from") for one in words]
    assert sources
    for source in sources:
        assert (ROOT / source).exists(), source
        assert any(f"{one}/".startswith(f"{source.rstrip('/')}/") for one in let_in), source


def test_images_run_as_the_same_ordinary_user() -> None:
    """Both write into the same volumes: one user id, never root, made and set in each image."""
    users = [[words for step, words in steps(file) if step == "USER"] for file in DOCKERFILES]
    assert users == [["10001:10001"], ["10001:10001"]]
    for file in DOCKERFILES:
        assert "useradd --uid 10001 --gid 10001" in file.read_text()


def test_asterisk_image_has_what_the_launcher_unpacks() -> None:
    """The same packages of Debian as anywhere else, and the launcher looks at the version."""
    asterisk = "\n".join(words for _, words in steps(DOCKER / "asterisk.Dockerfile"))
    adapter = "\n".join(words for _, words in steps(DOCKER / "adapter.Dockerfile"))
    wanted = {name for name in debian.PACKAGES if name.startswith("asterisk")}
    assert wanted
    assert wanted <= set(asterisk.split())
    assert "espeak-ng" in debian.PACKAGES
    assert "espeak-ng" in adapter.split()
    assert "launcher tools --only asterisk" in asterisk


@pytest.mark.parametrize("file", COMPOSE, ids=lambda file: file.name)
def test_every_variable_is_in_the_example(file: Path) -> None:
    """Who reads .env.example knows every variable of the compose files."""
    assert defaults(file)
    assert set(defaults(file)) <= set(example())


def test_example_has_nothing_that_does_not_exist() -> None:
    """Each variable of .env.example is one of a compose file or a setting."""
    used = {name for file in COMPOSE for name in defaults(file)}
    used |= {setting.variable for setting in described()} | OF_COMPOSE | OF_PLUGINS
    assert set(example()) <= used


def test_example_has_every_other_setting() -> None:
    """A setting stands in .env.example, or above with the reason why it does not; never in both."""
    settings = {setting.variable for setting in described()}
    left_out = {
        name for name in settings if any(fnmatch(name, pattern) for pattern in NOT_IN_EXAMPLE)
    }
    assert settings - set(example()) == left_out
    assert all(any(fnmatch(name, one) for name in settings) for one in NOT_IN_EXAMPLE)


def test_example_loads() -> None:
    """The settings of .env.example are valid with every # taken away."""
    given = {name: value for name, value in example().items() if name.startswith(PREFIX)}
    assert len(given) > 15
    settings = load(None, given)
    assert settings.http.public_url == "https://voice.example.com"


def test_defaults_of_the_example_are_true() -> None:
    """What .env.example shows is what happens without it; examples and overrides are named here."""
    examples = {"SIP_ADDRESS", "EXTERNAL_ADDRESS", "ARI_VOICE_HTTP__PUBLIC_URL"} | OF_COMPOSE
    examples |= {"SIP_TLS_CERT", "SIP_TLS_KEY", "SIP_TLS_CA"} | OF_PLUGINS
    examples |= {f"ARI_VOICE_HTTP__{name}" for name in ("TRUSTED_PROXIES", "TLS_CERT", "TLS_KEY")}
    known = {one.variable: re.sub(r'[\["\]]', "", one.default) for one in described()}
    for file in reversed(COMPOSE):
        known |= defaults(file)
    shown = {name: value for name, value in example().items() if name not in examples}
    assert shown == {name: known[name] for name in shown}


def environment(name: str, *files: str) -> dict[str, str]:
    """The environment of a service, the later file's before the earlier one's."""
    merged: dict[str, str] = {}
    for file in files:
        merged |= services(file).get(name, {}).get("environment", {})
    return merged


@pytest.mark.parametrize("files", [("compose.yaml",), ("compose.yaml", "compose.host.yaml")])
def test_environment_is_valid_settings(files: tuple[str, ...], tmp_path: Path) -> None:
    """What compose gives the adapter loads; it finds Asterisk where that listens."""
    for name in services()["secrets"]["command"]:
        (tmp_path / name).write_text("0123456789abcdef" * 4 + "\n")
    image = dict(
        re.findall(r"(ARI_VOICE_\w+)=(\S+)", (DOCKER / "adapter.Dockerfile").read_text()),
    )
    given = image | environment("adapter", *files)
    settings = load(None, {k: v.replace(SECRETS, str(tmp_path)) for k, v in given.items()})
    asterisk = options("asterisk", files[-1])
    assert settings.asterisk.url.endswith(f":{asterisk.http_port}")
    assert settings.asterisk.ami_port == asterisk.ami_port
    assert settings.asterisk.username == asterisk.ari_user
    assert settings.asterisk.app == asterisk.app
    assert settings.asterisk.password.reveal()
    assert settings.admin.token.reveal()


def options(service: str, file: str = "compose.yaml") -> Any:
    """The launcher's options in a service's command."""
    return cli._parser().parse_args([str(word) for word in services(file)[service]["command"]])


def test_launcher_takes_the_commands() -> None:
    """Both Asterisks start with options that exist; each port that is published is theirs."""
    asterisk, carrier = options("asterisk"), options("carrier")
    assert (asterisk.role, carrier.role) == ("adapter", "carrier")
    assert carrier.adapter_sip == f"asterisk:{asterisk.sip_port}"
    sip, rtp = asterisk.sip_port, f"{asterisk.rtp_start}-{asterisk.rtp_end}"
    assert services()["asterisk"]["ports"] == [
        f"127.0.0.1:{sip}:{sip}/udp",
        f"127.0.0.1:{sip}:{sip}/tcp",
        f"127.0.0.1:{asterisk.tls_port}:{asterisk.tls_port}/tcp",
        f"127.0.0.1:{rtp}:{rtp}/udp",
    ]


def test_on_the_host_nothing_inner_is_open() -> None:
    """With compose.host.yaml ARI, AMI, the API and the profile obs listen on loopback alone."""
    assert options("asterisk", "compose.host.yaml").http_bind == "127.0.0.1"
    host = services("compose.host.yaml")
    assert host["adapter"]["environment"]["ARI_VOICE_HTTP__HOST"] == "127.0.0.1"
    assert "--web.listen-address=127.0.0.1:9090" in host["prometheus"]["command"]
    assert host["grafana"]["environment"]["GF_SERVER_HTTP_ADDR"] == "127.0.0.1"
    assert {service["network_mode"] for service in host.values()} == {"host"}
    assert all(service["ports"] == [] for service in host.values())


def test_nothing_is_published_to_the_world() -> None:
    """Without settings every published port is on loopback."""
    ports = [port for service in services().values() for port in service.get("ports", [])]
    assert ports
    assert [port for port in ports if not port.startswith("127.0.0.1:")] == []


def test_every_path_exists() -> None:
    """Mounted files and Dockerfiles are there, and so are the stages that are built."""
    for service in services().values():
        for source, target in (mount.split(":")[:2] for mount in service.get("volumes", [])):
            assert target.startswith("/")
            if source.startswith("."):
                assert (DOCKER / source).exists(), source
        if build := service.get("build"):
            dockerfile = DOCKER / build["context"] / build["dockerfile"]
            stages = re.findall(r" AS (\S+)", dockerfile.read_text())
            assert build.get("target") is None or build["target"] in stages


def test_every_volume_is_declared_and_ours_to_write() -> None:
    """A volume is declared and used; in our images its folder belongs to the user of the image."""
    made = " ".join(
        words for file in DOCKERFILES for _, words in steps(file) if "install -d" in words
    )
    used = set()
    for service in services().values():
        for volume, target in (mount.split(":")[:2] for mount in service.get("volumes", [])):
            if not volume.startswith("."):
                used.add(volume)
                assert target in made.split() or "ari-voice" not in service["image"]
    assert used == set(compose(COMPOSE[0])["volumes"])


def test_every_container_is_hardened() -> None:
    """No capabilities, no new privileges, bounded logs; in ours a root that can't be written."""
    assert len(services()) == 8
    for name, service in services().items():
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert set(service["logging"]["options"]) == {"max-size", "max-file"}, name
        if service["image"].startswith("ari-voice-"):
            assert service["read_only"] is True, name
            assert service["ulimits"] == {"nofile": 65536}, name


def test_example_application_has_secrets_of_its_own() -> None:
    """What people try things with sees neither Asterisk's password nor the admin token."""
    mounted = services()["application"]["volumes"]
    assert mounted == ["demo:/var/lib/ari-voice/demo:ro"]
    script = (DOCKER / "sim" / "application.sh").read_text()
    assert SECRETS not in script
    made = re.search(r"secrets\.sh \"\$demo\" (.+)", (DOCKER / "sim" / "provision.sh").read_text())
    assert made is not None
    assert set(re.findall(r"\$demo/([a-z-]+)", script)) <= set(made[1].split())


@pytest.mark.parametrize("page", ["README.md", "docs/quickstart.md", "docs/containers.md"])
def test_pages_name_secrets_that_are_made(page: str) -> None:
    """Each file of the volumes `demo` and `secrets` that a command of a page reads is there."""
    made = (DOCKER / "sim" / "provision.sh").read_text() + str(services()["secrets"]["command"])
    read = re.findall(r"\b(?:demo|secrets)/((?:[a-z]+-)+[a-z]+)\b", (ROOT / page).read_text())
    assert read
    assert [name for name in read if name not in made] == []


def test_what_waits_for_a_service_waits_for_its_check() -> None:
    """Each service that goes on is checked, each second at first, so that `up --wait` is quick.

    start_interval works within start_period alone, and Compose refuses one without the other.
    """
    ending = {
        name
        for service in services().values()
        for name, wanted in service.get("depends_on", {}).items()
        if wanted["condition"] == "service_completed_successfully"
    }
    assert ending == {name for name, one in services().items() if one["restart"] == "no"}
    early = {"start_period": "30s", "start_interval": "1s"}
    for name in set(services()) - ending:
        check = services()[name]["healthcheck"]
        assert {**check, **early} == check, name


def test_each_image_is_built_once() -> None:
    """One service builds an image, the others use it; no registry is asked for it.

    Built by two services an image would be made twice; and `up` would pull what is not there yet.
    """
    ours = [one for one in services().values() if one["image"].startswith("ari-voice-")]
    built = [one["image"] for one in ours if "build" in one]
    assert sorted(built) == sorted({one["image"] for one in ours})
    assert {one.get("pull_policy") for one in ours} == {"never"}


def test_an_update_of_the_adapter_leaves_asterisk_alone() -> None:
    """Asterisk waits for nothing of another image than its own.

    Compose makes a container anew with each one that it waits for, and that would end all calls.
    """
    asterisk = services()["asterisk"]
    waits_for = [services()[name] for name in asterisk["depends_on"]]
    assert waits_for
    assert {one["image"] for one in waits_for} == {asterisk["image"]}
    assert not any("depends_on" in one for one in waits_for)


def test_certificates_are_for_both_networks() -> None:
    """SIP over TLS is the same with compose.host.yaml: all of the launcher's options, unset."""
    given = {"SIP_TLS_CERT": "c.pem", "SIP_TLS_KEY": "k.pem", "SIP_TLS_CA": "a.pem"}
    for file in COMPOSE:
        command = services(file.name, given)["asterisk"]["command"]
        words = [word for word in command if word.startswith("--tls-")]
        wanted = ["--tls-cert=c.pem", "--tls-key=k.pem", "--tls-ca=a.pem", "--tls-port=5061"]
        assert words == wanted
        unset = options("asterisk", file.name)
        assert (unset.tls_cert, unset.tls_key, unset.tls_ca) == ("", "", "")


def test_docker_waits_for_the_drain() -> None:
    """Docker kills later than the adapter has drained and closed."""
    grace = float(services()["adapter"]["stop_grace_period"].removesuffix("s"))
    assert grace >= Settings().drain.timeout + 10


def test_secrets_are_made_once(tmp_path: Path) -> None:
    """secrets.sh makes what is missing, private and long, and leaves alone what is there."""
    script = [DOCKER / "secrets.sh", tmp_path]
    subprocess.run([*script, "one"], check=True, capture_output=True, timeout=10)
    first = (tmp_path / "one").read_text()
    subprocess.run([*script, "one", "two"], check=True, capture_output=True, timeout=10)
    second = (tmp_path / "two").read_text()
    assert re.fullmatch(r"[0-9a-f]{64}\n", first)
    assert (tmp_path / "one").read_text() == first != second
    assert {file.stat().st_mode & 0o777 for file in tmp_path.iterdir()} == {0o600}
    assert {file.name for file in tmp_path.iterdir()} == {"one", "two"}


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "0.0.0.0"])
@pytest.mark.parametrize(("status", "expected"), [(200, 0), (503, 1)])
async def test_healthcheck(host: str, status: int, expected: int, aiohttp_server: Any) -> None:
    """The image's health check asks /livez, and fails when that does, or when nobody answers.

    It asks at the address that the server listens on, as API_ADDRESS may make it.
    """
    app = web.Application()

    async def livez(request: web.Request) -> web.Response:
        return web.Response(status=status)

    app.router.add_get("/livez", livez)
    server = await aiohttp_server(app, host=host)
    assert await check(host, server.port) == expected
    await server.close()
    assert await check(host, server.port) == 1


async def check(host: str, port: int) -> int | None:
    """Run the health check as a server there has it; returns its status."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(DOCKER / "healthcheck.py"),
        env={"ARI_VOICE_HTTP__HOST": host, "ARI_VOICE_HTTP__PORT": str(port)},
    )
    return await asyncio.wait_for(process.wait(), 10)
