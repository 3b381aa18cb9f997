"""What stands around the code agrees with it: README, locks, containers, the broker's configuration."""

import json
import re
import subprocess
import tomllib
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.version import Version

from bridge import __version__, causes
from bridge.cli.arguments import EXPORTS, parse
from bridge.cli.topics import published
from bridge.commands.command import Status
from bridge.errors import EvccError, NotReady, Unreachable
from bridge.evcc.reader import Fatal
from bridge.extras.request_kinds import KINDS
from bridge.settable import offered
from bridge.settings import Settings, table
from bridge.settings.model import fields
from bridge.state.document import parse as read_state
from tests import operations
from tests.broker.client import client
from tests.broker.mosquitto import Config, Mosquitto
from tests.broker.recorder import Recorder

ROOT = Path(__file__).parent.parent
DOCUMENTS = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *(ROOT / "docs").glob("*.md"),
    *(ROOT / name / "README.md" for name in ("packaging", "packaging/homeassistant", "mosquitto")),
]
README = (ROOT / "README.md").read_text()
FILES = {"things", "items", "sitemap"}  # such as `evcc.things`, which looks like an option
WRITES = {
    "bridge": {
        "evcc/site/pvPower": True,
        "homeassistant/sensor/evcc/config": True,
        "evcc-answers/one": True,
        "elsewhere": False,
    },
    "reader": {"evcc/loadpoints/1/mode/set": False, "evcc/status": False},
    "controller": {
        "evcc/site/prioritySoc/set": True,
        "evcc/loadpoints/1/mode/set": True,
        "evcc/loadpoints/1/enable/threshold/set": True,
        "evcc/bridge/request/state": True,
        "homeassistant/status": True,
        "evcc/loadpoints/1/mode": False,
        "evcc/status": False,
    },
}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_the_changelog_begins_with_this_version() -> None:
    headings = re.findall(r"^## (.+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert next(heading for heading in headings if "(unreleased)" not in heading) == __version__


class TestReadme:
    def test_the_picture_has_values_of_real_evcc(self) -> None:
        state = read_state((ROOT / "tests/recordings/0.313.2/state.json").read_bytes())
        topics = {topic: payload.decode() for topic, payload in published(Settings(), state).items()}
        scope, shown = "", {}
        for line in README.split("```")[1].splitlines():
            if heading := re.fullmatch(r"├── (\S+)/", line):
                scope = heading[1]
            elif leaf := re.fullmatch(r"│   [├└]── (\S+)\s{2,}(.*?)(?:\s{2,}⇐.*)?", line):
                shown[f"{scope}/{leaf[1]}"] = leaf[2].strip()
        assert len(shown) == 14
        assert shown == {topic: topics[topic] for topic in shown}

    def test_what_the_picture_sets_can_be_set(self) -> None:
        settable = {topic.rsplit("/", 2)[1] for topic in re.findall(r"`(\S+/set)`", offered.table())}
        assert set(re.findall(r"⇐ …/(\w+)/set", README)) <= settable

    def test_its_commands_are_there(self) -> None:
        commands = re.findall(r"`evcc-bridge ((?:[\w-]| (?!`))+)`", README)
        assert len(commands) >= 5
        for command in commands:
            parse(command.split())
        assert all(f"`{name}`" in README or f" {name}`" in README for name in EXPORTS)


class TestDocuments:
    texts: Mapping[Path, str] = {path: path.read_text() for path in DOCUMENTS}

    def test_there_are_some(self) -> None:
        assert {path.name for path in self.texts} >= {"README.md", "CONTRIBUTING.md", "bridge.md", "options.md"}

    @pytest.mark.parametrize(
        ("name", "content"),
        [
            ("options", table.table()),
            ("settings", offered.table()),
            ("evcc", operations.table()),
            ("troubleshooting", causes.table()),
        ],
        ids=["options", "settings", "evcc", "troubleshooting"],
    )
    def test_have_the_tables_made_from_the_code(self, name: str, content: str) -> None:
        assert content in self.texts[ROOT / f"docs/{name}.md"], "run scripts/readme"

    def test_their_links_and_scripts_are_there(self) -> None:
        linked = [
            path.parent / link.partition("#")[0]
            for path, text in self.texts.items()
            for link in re.findall(r"\]\((?!http)([^)]+)\)", text)
        ]
        scripts = [ROOT / name for text in self.texts.values() for name in re.findall(r"(?<![\w/])scripts/\w+", text)]
        assert [str(path) for path in (*linked, *scripts) if not path.exists()] == []

    def test_their_options_are_there(self) -> None:
        sections = {section: fields(field) for section, field in Settings.model_fields.items()}
        named = {
            (section, option)
            for path, text in self.texts.items()
            if path.name != "CHANGELOG.md"  # it names those that were removed
            for section, option in re.findall(r"`([a-z]+)\.([a-z_]+)(?: ?= ?\w+)?`", text)
            if section in sections and option not in FILES
        }
        assert len(named) > 20
        assert {(section, option) for section, option in named if option not in sections[section]} == set()

    def test_every_request_and_word_is_described(self) -> None:
        text = self.texts[ROOT / "docs/bridge.md"]
        shown = set(re.findall(r"bridge/request/(\w+)", text))
        assert shown == {kind.name for kind in KINDS}
        words = {"online", "starting", "stale", *(kind.word for kind in (EvccError, Unreachable, NotReady, Fatal))}
        statuses = {status.value for status in Status}
        assert [word for word in (*shown, *words, *statuses) if f"`{word}`" not in text] == []

    def test_the_functions_that_contributing_names_are_there(self) -> None:
        code = {path: path.read_text() for path in (ROOT / "bridge").rglob("*.py")}
        rows = re.findall(
            r"^\|[^|]+\| (`[\w/]+\.py`.*?) \| (.+) \|$", self.texts[ROOT / "CONTRIBUTING.md"], re.MULTILINE
        )
        assert len(rows) >= 12
        named = re.findall(r"`(?:bridge/)?([\w/]+/[\w/]*\w\.py)`", self.texts[ROOT / "CONTRIBUTING.md"])
        assert [name for name in named if not any((ROOT / at / name).exists() for at in ("bridge", ""))] == []
        for files, names in rows:
            texts = "".join(code[ROOT / "bridge" / name] for name in re.findall(r"`([\w/]+\.py)`", files))
            functions = [name.rpartition(".")[2] for name in re.findall(r"`([\w.]+)`", names)]
            assert [name for name in functions if not re.search(rf"def {name}\b", texts)] == [], files
        prose = re.findall(r"`(\w+)\.(\w+)`", self.texts[ROOT / "CONTRIBUTING.md"])
        methods = [(kind, name) for kind, name in prose if kind[0].isupper()]
        known = "".join(code.values())
        assert [pair for pair in methods if f"class {pair[0]}" not in known or f"def {pair[1]}(" not in known] == []


def input_of(lock: str) -> list[str]:
    """What a lock is made from that is not made from pyproject.toml."""
    lines = (ROOT / f"requirements/{lock}.in").read_text().splitlines()
    return [line for line in lines if not line.startswith("#")]


def pinned(lock: str) -> dict[str, Version]:
    """The versions that a lock names."""
    text = (ROOT / f"requirements/{lock}.txt").read_text()
    return {name: Version(version) for name, version in re.findall(r"^([a-z0-9-]+)==([^\s;]+)", text, re.MULTILINE)}


@pytest.mark.parametrize(
    ("lock", "groups"),
    [
        ("run", [PROJECT["project"]["dependencies"]]),
        *(
            (extra, [PROJECT["project"]["dependencies"], asked])
            for extra, asked in PROJECT["project"]["optional-dependencies"].items()
        ),
        ("dev", [*PROJECT["project"]["optional-dependencies"].values(), PROJECT["dependency-groups"]["dev"]]),
        ("audit", [input_of("audit")]),
        ("home-assistant", [input_of("home-assistant")]),
    ],
)
def test_the_lock_has_what_the_project_asks_for(lock: str, groups: list[list[str]]) -> None:
    versions = pinned(lock)
    asked = [Requirement(line) for group in groups for line in group]
    assert [each for each in asked if versions.get(each.name.lower(), Version("0")) not in each.specifier] == []
    assert (ROOT / f"requirements/{lock}.txt").read_text().count("--hash=sha256:") >= len(versions)


def test_the_lowest_versions_are_locked_as_pyproject_names_them() -> None:
    """`uv` keeps a version that a lock has: after lowering a bound, remove requirements/lowest.txt first."""
    groups = [PROJECT["project"]["dependencies"], *PROJECT["project"]["optional-dependencies"].values()]
    lines = [line for group in groups for line in group]
    lowest = {each.name: min(Version(part.version) for part in each.specifier) for each in map(Requirement, lines)}
    assert {name: pinned("lowest")[name] for name in lowest} == lowest


INSTALLATIONS = ("scripts/lib.sh", "scripts/check", "Dockerfile", "packaging/deb/build", "tests/clients/programs.py")


@pytest.mark.parametrize("path", INSTALLATIONS)
def test_what_a_lock_names_is_installed_without_the_resolver(path: str) -> None:
    text = (ROOT / path).read_text().replace("\\\n", " ")
    commands = [line for line in text.splitlines() if "--require-hashes" in line]
    assert commands
    assert [line for line in commands if "--no-deps" not in line and "--disable-pip" not in line] == []
    assert [
        line
        for line in text.splitlines()
        if re.search(r"requirements/\S+\.txt", line) and "pip " in line and "--require-hashes" not in line
    ] == []


def test_scripts_are_sound_and_can_be_run() -> None:
    scripts = [
        path
        for path in (ROOT / "scripts").iterdir()
        if path.read_bytes().startswith(b"#!") and b"bash" in path.read_bytes()[:30]
    ]
    assert {"run", "test", "check", "lock"} <= {path.name for path in scripts}
    for script in [*scripts, ROOT / ".ci/run"]:
        assert script.stat().st_mode & 0o111, script
        subprocess.run(["bash", "-n", script], check=True)


class TestContainers:
    compose: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    stages = re.split(r"^FROM ", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)[1:]

    def test_broker_and_bridge_have_no_more_rights_than_they_need(self) -> None:
        for name in ("mosquitto", "bridge"):
            service = self.compose["services"][name]
            assert service["read_only"] is True
            assert service["cap_drop"] == ["ALL"]
            assert service["security_opt"] == ["no-new-privileges:true"]
            assert service["healthcheck"]["test"][0] in {"CMD", "CMD-SHELL"}

    def test_the_bridge_waits_for_the_broker_and_is_checked(self) -> None:
        bridge = self.compose["services"]["bridge"]
        assert bridge["depends_on"] == {"mosquitto": {"condition": "service_healthy"}}
        assert parse(bridge["healthcheck"]["test"][2:]).quick

    def test_every_variable_of_the_bridge_is_an_option(self) -> None:
        options = {"TZ", *re.findall(r"`([A-Z_]+)`", table.table())}
        assert set(self.compose["services"]["bridge"]["environment"]) <= options

    def test_evcc_only_comes_with_the_demo(self) -> None:
        assert [name for name, service in self.compose["services"].items() if "profiles" in service] == ["evcc"]
        assert self.compose["services"]["evcc"]["profiles"] == ["demo"]

    def test_the_broker_starts_with_what_we_bring(self) -> None:
        service = self.compose["services"]["mosquitto"]
        assert "./mosquitto:/mosquitto/config:ro" in service["volumes"]
        assert service["command"] == ["/bin/sh", "/mosquitto/config/start"]
        assert [path.partition(":")[0] for path in service["tmpfs"]] == ["/run/mosquitto", "/tmp"]
        assert {path.partition(":")[2] for path in service["tmpfs"]} == {"uid=1883,gid=1883,mode=0700"}
        assert service["user"] == "1883:1883"

    def test_the_bridge_logs_in_with_the_password_that_the_broker_has(self) -> None:
        broker, bridge = (self.compose["services"][name]["environment"] for name in ("mosquitto", "bridge"))
        assert broker["BRIDGE_PASSWORD"].startswith("${MQTT_PASSWORD:?choose ")
        assert (bridge["MQTT_USER"], bridge["MQTT_PASSWORD"]) == ("bridge", "${MQTT_PASSWORD}")

    def test_the_broker_is_not_open_to_the_network_unasked(self) -> None:
        assert self.compose["services"]["mosquitto"]["ports"] == ["${MQTT_BIND:-127.0.0.1}:1883:1883"]

    def test_logs_do_not_fill_the_disk(self) -> None:
        for service in self.compose["services"].values():
            assert service["logging"] == {"driver": "json-file", "options": {"max-size": "10m", "max-file": "3"}}

    def test_the_image_runs_as_nobody_in_particular_and_is_checked(self) -> None:
        last = self.stages[-1]
        assert re.search(r"^USER (?!0\b|root)\d+:\d+$", last, re.MULTILINE)
        assert parse(json.loads(re.search(r"HEALTHCHECK .* CMD (\[.*\])", last)[1])[1:]).quick  # type: ignore[index]
        assert 'ENTRYPOINT ["evcc-bridge"]' in last

    def test_the_base_image_is_pinned(self) -> None:
        bases = {stage.split()[0] for stage in self.stages}
        assert len(bases) == 1
        assert re.fullmatch(r"python:3\.\d+-slim@sha256:[0-9a-f]{64}", bases.pop())

    def test_the_image_holds_what_is_locked_and_no_tools(self) -> None:
        assert len(self.stages) == 2
        assert "--only-binary :all: --no-deps --require-hashes -r requirements/run.txt" in self.stages[0]
        assert "pip install" not in self.stages[1]

    def test_what_is_copied_into_the_image_is_not_ignored(self) -> None:
        kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
        copied = {
            path for line in re.findall(r"^COPY (?!--)(.*) \S+$", self.stages[0], re.MULTILINE) for path in line.split()
        }
        assert copied == kept
        assert all((ROOT / path).exists() for path in copied)


@pytest.mark.broker
class TestBroker:
    async def test_who_may_write_what(
        self, start_broker: Callable[[Config], Awaitable[Mosquitto]], record: Callable[..., Awaitable[Recorder]]
    ) -> None:
        broker = await self._with_users(start_broker)
        recorder = await record(broker)
        for user, topics in WRITES.items():
            async with client(broker, user=user) as one:
                for topic in topics:
                    await one.publish(topic, user, qos=1)
        async with client(broker) as watcher:
            await watcher.publish("over", qos=1)
        await recorder.until(lambda: recorder.last("over") is not None)
        written = {(record.payload.decode(), record.topic) for record in recorder.records} - {("", "over")}
        assert written == {
            (user, topic) for user, topics in WRITES.items() for topic, allowed in topics.items() if allowed
        }

    @pytest.mark.parametrize("user", ["bridge", "reader", "controller"])
    async def test_who_may_read_what(self, start_broker: Callable[[Config], Awaitable[Mosquitto]], user: str) -> None:
        broker = await self._with_users(start_broker)
        async with client(broker) as watcher, client(broker, user=user) as one:
            await one.subscribe("#")
            for topic in ("elsewhere", "evcc/site/pvPower", "homeassistant/status", "evcc/status"):
                await watcher.publish(topic, qos=1)
            seen = [(await anext(one.messages)).topic.value for _ in range(3)]
        assert seen == ["evcc/site/pvPower", "homeassistant/status", "evcc/status"]

    async def _with_users(self, start_broker: Callable[[Config], Awaitable[Mosquitto]]) -> Mosquitto:
        users = {name: f"{name}'s" for name in WRITES}
        return await start_broker(Config(users=users, acl=(ROOT / "mosquitto/acl").read_text()))
