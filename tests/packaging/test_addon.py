"""The Home Assistant add-on: its files against the documented fields, its start with a simulated Supervisor."""

import asyncio
import hashlib
import importlib.util
import io
import json
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from bridge import __version__
from bridge.cli import find
from bridge.settings import Evcc as EvccSettings
from bridge.settings import configuration
from evcc_simulator import Evcc
from tests.packaging.supervisor import TOKEN, Supervisor
from tests.web.house import House

ROOT = Path(__file__).parents[2]
REPOSITORY = ROOT / "packaging/homeassistant"
ADDON = REPOSITORY / "evcc_bridge"
CONFIG: dict[str, Any] = yaml.safe_load((ADDON / "config.yaml").read_text())
LANGUAGES = ("en", "de")
TEXTS = {name: yaml.safe_load((ADDON / f"translations/{name}.yaml").read_text()) for name in LANGUAGES}

# developers.home-assistant.io, "App configuration": keys, and what they take
REQUIRED = {"name": str, "version": str, "slug": str, "description": str, "arch": list}
SWITCHES = (
    *("host_network", "host_ipc", "host_dbus", "host_pid", "host_uts", "hassio_api", "homeassistant_api", "docker_api"),
    *(
        "full_access",
        "audio",
        "video",
        "gpio",
        "usb",
        "uart",
        "udev",
        "devicetree",
        "kernel_modules",
        "stdin",
        "legacy",
    ),
    *("tmpfs", "auth_api", "ingress", "ingress_stream", "panel_admin", "init", "realtime", "journald"),
)
LISTS = ("machine", "devices", "privileged", "map", "discovery", "services", "backup_exclude", "breaking_versions")
WORDS = (
    *("url", "startup", "webui", "boot", "homeassistant", "hassio_role", "image", "ingress_entry", "panel_icon"),
    *("panel_title", "backup", "backup_pre", "backup_post", "stage", "watchdog"),
)
OPTIONAL: Mapping[str, type | tuple[type, ...]] = {
    **dict.fromkeys(SWITCHES, bool),
    **dict.fromkeys(LISTS, list),
    **dict.fromkeys(WORDS, str),
    **dict.fromkeys(("ports", "ports_description", "environment", "options", "schema", "ulimits"), dict),
    **dict.fromkeys(("timeout", "ingress_port"), int),
    "apparmor": (bool, str),
}
PATTERNS = {
    "slug": r"[-_.A-Za-z0-9]+",
    "startup": "initialize|system|services|application|once",
    "boot": "auto|manual|manual_only",
    "stage": "stable|experimental|deprecated",
    "hassio_role": "default|homeassistant|backup|manager|admin",
    "panel_icon": r"mdi:[a-z0-9-]+",
    "watchdog": r"(?:https?|\[PROTO:\w+\]|tcp):\/\/\[HOST\]:(\[PORT:\d+\]|\d+).*",
}
ELEMENT = re.compile(
    r"(bool|email|url|port|device(\(subsystem=[a-z]+\))?|(str|password|int)(\(-?\d*,-?\d*\))?"
    r"|float(\(-?[\d.]*,-?[\d.]*\))?|match\(.*\)|list\(.+\))\??"
)

BROKER = {
    "addon": "core_mosquitto",
    "host": "core-mosquitto",
    "port": 1883,
    "ssl": False,
    "username": "addons",
    "password": "S3CR3T \"$(id)'\n#",
    "protocol": "3.1.1",
}
EVCC = {"hostname": "49686a9f-evcc", "ingress_port": 7070, "state": "started", "host_network": True}


class TestFiles:
    def test_the_configuration_has_only_documented_fields(self) -> None:
        assert CONFIG.keys() >= REQUIRED.keys()
        assert CONFIG.keys() <= REQUIRED.keys() | OPTIONAL.keys()
        fields = {**REQUIRED, **OPTIONAL}
        assert [name for name, value in CONFIG.items() if not isinstance(value, fields[name])] == []
        assert [name for name, words in PATTERNS.items() if not re.fullmatch(words, CONFIG[name])] == []
        assert set(CONFIG["arch"]) <= {"aarch64", "amd64"}  # others are deprecated
        assert all(re.fullmatch("(mqtt|mysql):(provide|want|need)", service) for service in CONFIG["services"])

    def test_it_has_the_version_of_the_bridge(self) -> None:
        assert CONFIG["version"] == __version__

    def test_it_asks_for_few_rights(self) -> None:
        """Home Assistant rates an add-on by these, and shows the rating."""
        asked = {name for name in SWITCHES if CONFIG.get(name)}
        assert asked == {"ingress", "hassio_api"}
        assert CONFIG["hassio_role"] == "default"
        assert not {"privileged", "map", "ports", "devices", "apparmor"} & CONFIG.keys()

    def test_no_address_is_named_that_depends_on_the_owner(self) -> None:
        assert not {"url", "image"} & CONFIG.keys()
        assert yaml.safe_load((REPOSITORY / "repository.yaml").read_text()).keys() == {"name"}

    def test_the_schema_is_sound(self) -> None:
        schema = CONFIG["schema"]
        flat = {name: each for name, each in schema.items() if not isinstance(each, list)}
        assert [name for name, each in flat.items() if not ELEMENT.fullmatch(each)] == []
        assert all(ELEMENT.fullmatch(each) for each in schema["environment"][0].values())
        # an option with a default is required, one without must be optional
        assert {name for name, each in flat.items() if not each.endswith("?")} | {"environment"} == {*CONFIG["options"]}
        assert not [name for name in flat if "password" in name and not flat[name].startswith("password")]

    @pytest.mark.parametrize("language", LANGUAGES)
    def test_every_option_is_translated(self, language: str) -> None:
        assert TEXTS[language].keys() == {"configuration"}
        texts = TEXTS[language]["configuration"]
        assert [*texts] == [*CONFIG["schema"]]
        fields = texts["environment"].pop("fields", {}) or TEXTS["en"]["configuration"]["environment"].get("fields", {})
        for each in (*texts.values(), *fields.values()):
            assert each.keys() == {"name", "description"}
            assert all(isinstance(text, str) and text.strip() for text in each.values())

    def test_every_option_is_documented_and_known_to_the_start_script(self, start: ModuleType) -> None:
        documentation = (ADDON / "DOCS.md").read_text()
        assert [name for name in CONFIG["schema"] if f"`{name}`" not in documentation] == []
        assert {*start.OPTIONS, "environment"} == {*CONFIG["schema"]}

    @pytest.mark.parametrize(("name", "size"), [("icon", (128, 128)), ("logo", (250, 100))])
    def test_pictures(self, name: str, size: tuple[int, int]) -> None:
        head = (ADDON / f"{name}.png").read_bytes()[:24]
        assert head[:8] == b"\x89PNG\r\n\x1a\n"
        assert struct.unpack(">II", head[16:24]) == size

    @pytest.mark.parametrize("name", ["README", "DOCS", "CHANGELOG"])
    def test_texts_that_home_assistant_shows_need_nothing_beside_them(self, name: str) -> None:
        text = (ADDON / f"{name}.md").read_text()
        assert text.startswith("# ")
        assert re.findall(r"\]\((?!https://)", text) == []

    def test_ingress_the_page_and_the_watchdog_have_one_port(self, start: ModuleType) -> None:
        port = CONFIG["ingress_port"]
        assert start.DEFAULTS["WEB_LISTEN"] == f"0.0.0.0:{port}"
        assert CONFIG["watchdog"] == f"http://[HOST]:[PORT:{port}]/healthz"

    def test_the_dockerfile_installs_the_lock_and_starts_the_script(self) -> None:
        text = (ADDON / "Dockerfile").read_text().replace("\\\n", " ")
        installations = [line for line in re.split(r"\n|&&", text) if "pip install" in line]
        assert len(installations) == 2
        assert all("--no-deps" in line for line in installations)
        assert "--require-hashes" in installations[0]
        assert "BUILD_FROM" not in text  # no longer given
        command = json.loads(re.search(r"^CMD (.*)$", text, re.MULTILINE)[1])  # type: ignore[index]
        assert command == ["python", "/start.py", "/data/options.json", "http://supervisor", "300", "10001"]
        assert not list(ADDON.glob("build.*"))  # no longer read


def test_the_number_of_evccs_addon_is_that_of_its_repository(start: ModuleType) -> None:
    """As the Supervisor makes it: `get_hash_from_repository`."""
    number = hashlib.sha1(b"https://github.com/evcc-io/hassio-addon").hexdigest()[:8]
    addons = [f"{number}_evcc", f"{number}_evcc-nightly", "local_evcc"]
    assert [*start.EVCC_ADDONS] == addons


class TestBuild:
    @pytest.fixture
    def wheel(self, tmp_path: Path) -> Path:
        """What stands for one: `test_wheel.py` builds the real one."""
        wheel = tmp_path / "evcc_mqtt_bridge-0-py3-none-any.whl"
        wheel.write_bytes(b"")
        return wheel

    def build(self, out: Path, **variables: str | Path) -> subprocess.CompletedProcess[str]:
        environment = os.environ | {name: str(value) for name, value in variables.items()}
        command = [str(REPOSITORY / "build"), str(out)]
        return subprocess.run(command, env=environment, check=False, capture_output=True, text=True)

    def test_a_repository_from_which_the_supervisor_can_build(self, wheel: Path, tmp_path: Path) -> None:
        out = tmp_path / "out"
        for _ in range(2):  # the second time in the place of the first
            assert self.build(out, WHEEL=wheel).stdout.strip() == str(out)
        assert {path.name for path in out.iterdir()} == {"repository.yaml", "README.md", "evcc_bridge"}
        names = {path.name for path in ADDON.iterdir()} - {"__pycache__"} | {wheel.name, "requirements.txt"}
        assert {path.name for path in (out / "evcc_bridge").iterdir()} == names
        lock = (out / "evcc_bridge/requirements.txt").read_text()
        assert lock == (ROOT / "requirements/find.txt").read_text()
        assert "zeroconf==" in lock
        base = re.findall(r"^FROM .*$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)[-1]
        assert re.findall(r"^FROM .*$", (out / "evcc_bridge/Dockerfile").read_text(), re.MULTILINE) == [base]
        assert yaml.safe_load((out / "evcc_bridge/config.yaml").read_text()) == CONFIG

    def test_a_published_image(self, wheel: Path, tmp_path: Path) -> None:
        page, image = "https://example.org/bridge", "registry.example/owner/addon"
        assert self.build(tmp_path / "out", WHEEL=wheel, IMAGE=image, URL=page).returncode == 0
        config = yaml.safe_load((tmp_path / "out/evcc_bridge/config.yaml").read_text())
        assert config == CONFIG | {"image": image, "url": page}
        assert yaml.safe_load((tmp_path / "out/repository.yaml").read_text())["url"] == page

    def test_another_directory_is_left_alone(self, wheel: Path, tmp_path: Path) -> None:
        mine = tmp_path / "mine"
        (mine / "photos").mkdir(parents=True)
        assert self.build(mine, WHEEL=wheel).returncode == 1
        assert [path.name for path in mine.iterdir()] == ["photos"]


@pytest.fixture(scope="module")
def start() -> ModuleType:
    """The start script as a module."""
    spec = importlib.util.spec_from_file_location("addon_start", ADDON / "start.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "dont_write_bytecode", True)  # the folder is what users get
        spec.loader.exec_module(module)
    return module


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory that every user can read."""
    made = Path(tempfile.mkdtemp())
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


@dataclass
class Started:
    """What came of a start: the log, and what `evcc-bridge` was given, if it was started."""

    code: int
    log: str
    arguments: str
    user: int
    environment: dict[str, str]


# prints what it is given, or as `check --find` what the test says
_PROGRAM = r"""#!/bin/sh
if [ "$*" = "check --find" ]; then printf '%s' "$FOUND"; [ -n "$FOUND" ]; exit; fi
printf '\n\0%s\0%s\0' "$*" "$(id -u)"
exec env -0
"""


def started(
    place: Path, supervisor: str, options: Mapping[str, Any] | bytes, *, user: int | None = None, **variables: str
) -> Started:
    """Run the start script with a program in the place of the bridge."""
    program, file = place / "evcc-bridge", place / "options.json"
    program.write_text(_PROGRAM)
    program.chmod(0o755)
    file.write_bytes(options if isinstance(options, bytes) else json.dumps(options).encode())
    file.chmod(0o600)
    command = [
        sys.executable,
        str(ADDON / "start.py"),
        str(file),
        supervisor,
        "0",
        str(os.getuid() if user is None else user),
    ]
    environment = {
        "PATH": f"{place}:{os.environ['PATH']}",
        "SUPERVISOR_TOKEN": TOKEN,
        "TZ": "Europe/Berlin",
        **variables,
    }
    done = subprocess.run(command, env=environment, capture_output=True, timeout=30, check=False)
    log, _, rest = done.stdout.decode().partition("\n\0")
    assert b"Traceback" not in done.stderr
    if not rest:
        return Started(done.returncode, log + done.stderr.decode(), "", -1, {})
    arguments, number, *pairs = rest.split("\0")
    given = dict(pair.split("=", 1) for pair in pairs if pair)
    return Started(done.returncode, log, arguments, int(number), given)


class TestStart:
    options: Mapping[str, Any] = CONFIG["options"]

    def test_broker_and_evcc_from_home_assistant(self, place: Path) -> None:
        with Supervisor(CONFIG, BROKER, {"49686a9f_evcc": EVCC}) as supervisor:
            done = started(place, supervisor.url, self.options)
        assert (done.code, done.arguments) == (0, "run")
        assert (
            done.environment
            | {
                "MQTT_URL": "mqtt://core-mosquitto:1883",
                "MQTT_USER": "addons",
                "MQTT_PASSWORD": str(BROKER["password"]),
                "EVCC_URL": "http://49686a9f-evcc:7070",
                "MQTT_ROOT": "evcc",
                "DISCOVERY_HOMEASSISTANT": "true",
                "DISCOVERY_LANGUAGE": "en",
                "LOG_LEVEL": "info",
                "WEB_WRITE": "false",
                "WEB_LISTEN": "0.0.0.0:8099",
                "TZ": "Europe/Berlin",
            }
            == done.environment
        )
        assert "S3CR3T" not in done.log
        assert "SUPERVISOR_TOKEN" not in done.environment
        assert done.log.splitlines() == [
            "add-on: broker of Home Assistant: mqtt://core-mosquitto:1883",
            "add-on: add-on of evcc: http://49686a9f-evcc:7070",
        ]

    def test_the_bridge_takes_all_that_it_is_given(self, place: Path) -> None:
        options = {
            **self.options,
            "language": "de",
            "evcc_api_key": "evcc_" + "k" * 40,
            "page_write": True,
            "environment": [{"name": "COMMANDS_DENY", "value": '["site/*"]'}],
        }
        with Supervisor(CONFIG, BROKER, {"49686a9f_evcc": EVCC}) as supervisor:
            done = started(place, supervisor.url, options)
        hints: list[str] = []
        settings = configuration({}, done.environment, hints=hints).settings
        assert hints == []
        assert settings.mqtt.login == ("addons", BROKER["password"])
        assert settings.evcc.url == "http://49686a9f-evcc:7070"
        assert settings.evcc.api_key is not None
        web = settings.web
        assert (web.listen, web.allow, web.write) == ("0.0.0.0:8099", ("172.30.32.2/32",), True)
        assert (settings.discovery.language, settings.log.format) == ("de", "text")
        assert settings.commands.deny == ("site/*",)

    @pytest.mark.parametrize("slug", ["49686a9f_evcc-nightly", "local_evcc"])
    def test_other_addons_of_evcc(self, place: Path, slug: str) -> None:
        hostname = slug.replace("_", "-")
        stopped = {"49686a9f_evcc": EVCC | {"state": "stopped"}}
        addon = {"hostname": hostname, "ingress_port": None, "state": "started"}
        with Supervisor(CONFIG, BROKER, {**stopped, slug: addon}) as supervisor:
            done = started(place, supervisor.url, self.options)
        assert done.environment["EVCC_URL"] == f"http://{hostname}:7070"

    async def test_evcc_elsewhere_is_found_by_the_bridge(self, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "zeroconf", None)
        out = io.StringIO()
        async with Evcc(still=True) as evcc:
            assert await asyncio.to_thread(find.run, EvccSettings(), [evcc.url], ["127.0.0.1"], out) == 0
            url = evcc.url
        with Supervisor(CONFIG, BROKER) as supervisor:
            done = started(place, supervisor.url, self.options, FOUND=out.getvalue())
        assert done.environment["EVCC_URL"] == url
        assert f"add-on: evcc was found at {url}" in done.log

    def test_addresses_of_the_user_win(self, place: Path) -> None:
        own = {
            "evcc_url": "http://192.168.1.20:7070",
            "evcc_user": "anna",
            "evcc_password": 'with "quotes" and\nlines',
            "mqtt_url": "mqtts://192.168.1.10",
            "mqtt_user": "bridge",
            "mqtt_password": "geheim",
        }
        with Supervisor(CONFIG, BROKER, {"49686a9f_evcc": EVCC}) as supervisor:
            done = started(place, supervisor.url, {**self.options, **own})
        assert supervisor.asked == []
        assert {name: done.environment[name.upper()] for name in own} == own
        assert "geheim" not in done.log

    def test_empty_options_are_as_not_set(self, place: Path) -> None:
        empty = {name: "" for name, each in CONFIG["schema"].items() if str(each).endswith("?")}
        with Supervisor(CONFIG, BROKER, {"49686a9f_evcc": EVCC}) as supervisor:
            done = started(place, supervisor.url, {**self.options, **empty, "evcc_user": None})
        assert done.environment["EVCC_URL"] == "http://49686a9f-evcc:7070"
        assert not {"EVCC_USER", "EVCC_PASSWORD", "EVCC_API_KEY"} & done.environment.keys()

    def test_other_options_win_over_all_else(self, place: Path) -> None:
        others = {
            "EVCC_URL": "http://10.0.0.1",
            "MQTT_URL": "mqtt://10.0.0.2",
            "MQTT_ROOT": "home/evcc",
            "LOG_FORMAT": "json",
        }
        environment = [
            *({"name": name, "value": value} for name, value in others.items()),
            {"name": "MQTT_REFRESH", "value": 600},
        ]
        with Supervisor(CONFIG) as supervisor:
            done = started(place, supervisor.url, {**self.options, "environment": environment})
        assert {name: done.environment[name] for name in others} == others
        assert done.environment["MQTT_REFRESH"] == "600"

    def test_a_broker_with_tls_and_without_a_login(self, place: Path) -> None:
        service = {"host": "192.168.1.10", "port": 8883, "ssl": True}
        with Supervisor(CONFIG, service, {"49686a9f_evcc": EVCC}) as supervisor:
            done = started(place, supervisor.url, self.options)
        assert done.environment["MQTT_URL"] == "mqtts://192.168.1.10:8883"
        assert not {"MQTT_USER", "MQTT_PASSWORD"} & done.environment.keys()

    def test_root_is_given_up(self, place: Path) -> None:
        given = {"evcc_url": "http://10.0.0.1", "mqtt_url": "mqtt://10.0.0.2"}
        done = started(place, "http://127.0.0.1:1", given, user=10001)
        assert done.user == (10001 if os.getuid() == 0 else os.getuid())


class TestNoStart:
    options: Mapping[str, Any] = CONFIG["options"]

    def refused(self, done: Started, *words: str) -> None:
        """The bridge was not started, and the log has one line that says why."""
        assert (done.code, done.arguments) == (1, "")
        (line,) = [line for line in done.log.splitlines() if not line.startswith("add-on: broker of ")]
        assert line.startswith("add-on: ")
        assert [word for word in words if word not in line] == []
        assert not [secret for secret in (TOKEN, "S3CR3T", "geheim") if secret in done.log]

    def test_no_broker(self, place: Path) -> None:
        with Supervisor(CONFIG, addons={"49686a9f_evcc": EVCC}) as supervisor:
            self.refused(
                started(place, supervisor.url, self.options), "no broker", "Mosquitto broker", "mqtt_url", "HTTP 400"
            )

    def test_no_evcc(self, place: Path) -> None:
        with Supervisor(CONFIG, BROKER, {"49686a9f_evcc": EVCC | {"state": "stopped"}}) as supervisor:
            self.refused(started(place, supervisor.url, self.options), "evcc was not found", "evcc_url")

    def test_no_right_to_ask_where_evccs_addon_is(self, place: Path) -> None:
        with Supervisor({**CONFIG, "hassio_api": False}, BROKER, {"49686a9f_evcc": EVCC}) as supervisor:
            self.refused(started(place, supervisor.url, self.options), "evcc was not found", "HTTP 403")

    @pytest.mark.parametrize(
        ("status", "body", "words"),
        [
            (401, b"401: Unauthorized", "HTTP 401"),
            (403, b"", "HTTP 403"),
            (500, b"500 S3CR3T", "HTTP 500"),
            (200, b"", "no JSON"),
            (200, b"<html>S3CR3T", "no JSON"),
            (200, b"\xff\xfe", "no JSON"),
            (200, b"[" * 100_000, "no JSON"),
            (200, b"[]", "no data"),
            (200, b'{"result":"ok","data":["S3CR3T"]}', "no data"),
            (200, b'{"data":{"host":"core-mosquitto","port":"S3CR3T"}}', "names no broker"),
            (200, b'{"data":{"host":"core-mosquitto","port":true}}', "names no broker"),
            (200, b'{"data":{"host":"a b/S3CR3T@c","port":1883}}', "names no broker"),
            (200, b'{"data":{"host":["x"],"port":1883}}', "names no broker"),
            (200, b'{"data":{"host":"x","port":1883,"password":"S3CR3T\\u0000"}}', "MQTT_PASSWORD"),
            (200, b'{"data":{"host":"x","port":1883,"password":"S3CR3T\\ud800"}}', "MQTT_PASSWORD"),
        ],
    )
    def test_an_answer_about_the_broker_that_is_none(self, place: Path, status: int, body: bytes, words: str) -> None:
        with Supervisor(CONFIG, BROKER, broken={"/services/mqtt": (status, body)}) as supervisor:
            self.refused(started(place, supervisor.url, self.options), words)

    @pytest.mark.parametrize(
        "data",
        [
            {},
            {"hostname": 7, "state": "started"},
            {"hostname": "a/b", "state": "started"},
            {"hostname": "x", "state": 1},
        ],
    )
    def test_an_answer_about_evccs_addon_that_is_none(self, place: Path, data: dict[str, Any]) -> None:
        with Supervisor(CONFIG, BROKER, {"49686a9f_evcc": data}) as supervisor:
            self.refused(started(place, supervisor.url, self.options), "evcc was not found")

    def test_the_supervisor_is_not_there(self, place: Path) -> None:
        self.refused(started(place, "http://127.0.0.1:1", self.options), "the Supervisor cannot be reached")

    def test_it_is_not_started_by_the_supervisor(self, place: Path) -> None:
        self.refused(started(place, "http://127.0.0.1:1", self.options, SUPERVISOR_TOKEN=""), "SUPERVISOR_TOKEN")

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            (b"", "cannot be read"),
            (b'{"mqtt_password":"geheim"', "cannot be read"),
            (b'["geheim"]', "no object"),
            (b'{"evcc_password":"geheim\\u0000"}', "EVCC_PASSWORD"),
            (b'{"environment":[{"name":"a b","value":"geheim"}]}', "other options"),
            (b'{"environment":["A=geheim"]}', "other options"),
            (b'{"environment":"A=geheim"}', "other options"),
            (b'{"environment":7}', "other options"),
        ],
    )
    def test_options_that_are_none(self, place: Path, options: bytes, words: str) -> None:
        self.refused(started(place, "http://127.0.0.1:1", options), words)

    def test_the_bridge_is_not_installed(self, place: Path) -> None:
        given = {"evcc_url": "http://10.0.0.1", "mqtt_url": "mqtt://10.0.0.2"}
        done = started(place, "http://127.0.0.1:1", given, PATH="/nowhere")
        self.refused(done, "evcc-bridge cannot be started")


class TestWaiting:
    """Broker and evcc start after this add-on."""

    def test_until_both_are_there(
        self, start: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with Supervisor(CONFIG) as supervisor:

            def pause(_: float) -> None:
                """What happens meanwhile: the broker comes, later evcc."""
                if len(supervisor.asked) >= 3:
                    supervisor.mqtt = BROKER
                if len(supervisor.asked) >= 12:
                    supervisor.addons["49686a9f_evcc"] = EVCC

            monkeypatch.setattr(start.time, "sleep", pause)
            monkeypatch.setenv("PATH", "/nowhere")  # nothing is found by the bridge
            found = start.completed({}, start.Supervisor(supervisor.url, TOKEN), {}, 60.0)
        assert (found["MQTT_URL"], found["EVCC_URL"]) == ("mqtt://core-mosquitto:1883", "http://49686a9f-evcc:7070")
        log = capsys.readouterr().out.splitlines()
        assert [line.split(":")[1].strip() for line in log] == [
            "waiting",  # once for each reason
            "broker of Home Assistant",
            "waiting",
            "add-on of evcc",
        ]


class TestPage:
    """What Home Assistant's ingress sends is let through, and nothing else."""

    def house(self, start: ModuleType) -> House:
        web = {name: json.loads(start.DEFAULTS[f"WEB_{name.upper()}"]) for name in ("allow", "hosts")}
        return House(listen=start.DEFAULTS["WEB_LISTEN"], write=True, **web)

    @pytest.mark.parametrize(
        "host", ["homeassistant.local:8123", "192.168.1.5:8123", "abc.ui.nabu.casa", "home.example.org"]
    )
    async def test_by_whichever_name_home_assistant_is_opened(self, start: ModuleType, host: str) -> None:
        prefix = "/api/hassio_ingress/Abc-123_xyz"
        async with self.house(start).client("172.30.32.2", host, **{"x-ingress-path": prefix}) as http:
            assert (await http.get("/")).status_code == 200
            assert (await http.get("/api/topics")).status_code == 200
            reply = await http.post(
                "/api/set", json={"topic": "evcc/none", "value": 1}, headers={"origin": f"https://{host}"}
            )
            assert reply.status_code == 200

    async def test_other_addons_are_not_let_in(self, start: ModuleType) -> None:
        async with self.house(start).client("172.30.33.5", "evcc-bridge:8099") as http:
            assert (await http.get("/api/topics")).status_code == 401
            assert (await http.get("/healthz")).status_code == 200  # the watchdog
