"""Every command that the documents show runs here, or is checked by what it names: options, paths, units, names."""

import itertools
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
import yaml

from bridge.cli.arguments import parse
from bridge.settings import table
from tests.chaos.__main__ import _parser as chaos_parser
from tests.documents.house import House
from tests.documents.shown import DOCUMENTS, ROOT, Command, blocks, indented, spans

RUN = frozenset({"evcc-bridge", "mosquitto_pub", "mosquitto_sub", "curl"})
"""Programs that are run; of `curl` only what goes to the page."""
ENDLESS = {"run", "watch", "demo"}
"""Commands of evcc-bridge that run until they are ended."""
OPTIONS = {"TZ", *re.findall(r"`([A-Z_]+)`", table.table())}
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
UNITS = {path.stem for path in (ROOT / "packaging").rglob("*.service")}
PACKAGE = re.findall(r"^Package: (\S+)", (ROOT / "packaging/deb/control").read_text(), re.MULTILINE)
PROJECT = re.findall(r'^name = "(\S+)"', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
LOCKED = re.findall(r"^([a-z0-9-]+)==", (ROOT / "requirements/dev.txt").read_text(), re.MULTILINE)
VALUES: dict[str, Any] = yaml.safe_load((ROOT / "packaging/helm/values.yaml").read_text())
PAGE = "localhost:7071"
MADE = ("dist/", "./dist/", "./evcc-bridge_", "~/", "north/", "fleet.yaml", "--from-file=", "/")
"""Paths that a command makes, that the reader has, or that are not of this repository."""


def script(command: Command) -> None:
    """The script is there, and has the options; what it passes on to another program is that program's."""
    path = ROOT / command.program
    assert path.stat().st_mode & 0o111
    text = path.read_text()
    source = {"scripts/bench": "tests/bench/__main__.py", "scripts/soak": "tests/chaos/soak.py"}.get(command.program)
    text += (ROOT / source).read_text() if source else ""
    if command.program == "scripts/chaos":
        chaos_parser().parse_args(command.arguments[1:])
        return
    pytests = {"-k"}
    options = [word for word in command.arguments[1:] if word.startswith("-")]
    assert [option for option in options if option not in text and option not in pytests] == []


def docker(command: Command) -> None:
    """Services, profiles and variables are those of docker-compose.yml, variables of the bridge are options."""
    words = command.arguments[1:]
    if words[0] == "compose":
        rest = words[1:]
        profiles = {name for service in COMPOSE["services"].values() for name in service.get("profiles", ())}
        if rest[0] == "--profile":
            assert rest[1] in profiles
            rest = rest[2:]
        assert rest[0] in {"up", "down", "restart", "logs", "pull", "run", "exec", "ps"}
        assert [word for word in rest[1:] if not word.startswith("-") and word not in COMPOSE["services"]] == []
        assert [
            name for name in command.assigned if f"${{{name}" not in (ROOT / "docker-compose.yml").read_text()
        ] == []
    else:
        assert words[0] in {"build", "run", "pull", "rm", "rmi"}
        given = [word.partition("=")[0] for flag, word in itertools.pairwise(words) if flag == "-e"]
        assert [name for name in given if name not in OPTIONS] == []
        mounted = [word.partition(":")[0] for flag, word in itertools.pairwise(words) if flag == "-v"]
        assert [path for path in mounted if path.startswith("./") and not (ROOT / path).exists()] == []


def unit(command: Command) -> None:
    """The unit is one of packaging."""
    verbs = {"restart", "reload", "status", "edit", "enable", "start", "stop", "disable", "daemon-reload", "security"}
    named = [word for word in command.arguments[1:] if not word.startswith("-") and word not in verbs]
    assert [name for name in named if name.removesuffix(".service") not in UNITS] == []


def package(command: Command) -> None:
    """The package is this one, one that it needs, or a file that packaging/deb/build makes."""
    verb, *named = [re.split(r"\[|==", word)[0] for word in command.arguments[1:] if not word.startswith("-")]
    assert verb in {"install", "remove", "purge", "uninstall", "upgrade", "inject"}
    known = {*PACKAGE, *PROJECT, *LOCKED, "."}
    assert [
        name for name in named if name not in known and not re.match(r"\./(dist/)?evcc-bridge_\S+\.deb\Z", name)
    ] == []


def helm(command: Command) -> None:
    """The chart is there; the values that the document shows are some of the chart's."""
    if len(command.arguments) <= 3:
        assert command.arguments[1] in {"install", "upgrade", "uninstall"}
        return
    assert (ROOT / command.arguments[3] / "Chart.yaml").exists()
    text = (ROOT / command.document).read_text()
    shown = re.findall(r"^```yaml\n# fleet\.yaml\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert shown
    assert [key for one in shown for key in yaml.safe_load(one) if key not in VALUES] == []


def bridge(command: Command) -> None:
    """The bridge's own, with variables."""
    program = command.arguments.index("evcc-bridge")
    assert all("=" in word for word in command.arguments[1:program])
    parse(command.arguments[program + 1 :])


def assigns(command: Command) -> None:
    """Each variable is an option."""
    assert [word for word in command.arguments[1:] if word.partition("=")[0] not in OPTIONS] == []


def python(command: Command) -> None:
    """A module of this repository, or one that the locks have."""
    module = command.arguments[2]
    assert command.arguments[1] == "-m"
    assert module in LOCKED or (ROOT / f"{module.replace('.', '/')}.py").exists()


def nothing(command: Command) -> None:
    """A program of the system whose arguments name nothing of this project but paths."""


CHECKED: Mapping[str, Callable[[Command], None]] = {
    **{f"scripts/{path.name}": script for path in (ROOT / "scripts").iterdir()},
    **dict.fromkeys((".ci/run", "packaging/deb/build", "packaging/homeassistant/build"), script),
    "docker": docker,
    **dict.fromkeys(("systemctl", "journalctl", "systemd-analyze"), unit),
    **dict.fromkeys(("apt", "pipx"), package),
    "helm": helm,
    "env": bridge,
    "export": assigns,
    "python": python,
    **dict.fromkeys(("git", "gh", "install", "loginctl", "pip", "nano", "kubectl", "sha256sum", "ssh"), nothing),
}
"""Programs that cannot run here, each with what is checked instead."""
KNOWN = RUN | CHECKED.keys()


def shown() -> Iterator[tuple[str, list[Command]]]:
    """Every block of commands, and every command within a text, once; named by its document and what it begins with."""
    seen: set[str] = set()
    number = 0
    for path in DOCUMENTS:
        for found in (*blocks(path), *([command] for command in spans(path, KNOWN))):
            new = [command for command in found if command.text not in seen]
            seen.update(command.text for command in new)
            if new:
                number += 1
                yield f"{number} {found[0].document}: {found[0].text[:40]}", found


SHOWN = dict(shown())
COMMANDS = [command for found in SHOWN.values() for command in found]


def test_every_command_is_of_one_kind() -> None:
    assert RUN & CHECKED.keys() == set()
    assert [command for command in COMMANDS if command.program not in KNOWN] == []
    assert len(COMMANDS) > 50


def test_every_block_of_commands_is_marked() -> None:
    """A block that is only indented is not seen, so there is none."""
    assert {str(path): lines for path in DOCUMENTS if (lines := indented(path))} == {}


@pytest.mark.parametrize("command", [each for each in COMMANDS if each.program in CHECKED], ids=lambda each: each.text)
def test_what_cannot_run_here_names_what_is_there(command: Command) -> None:
    CHECKED[command.program](command)
    paths = [word for word in command.arguments if "/" in word and not re.search(r":|=|\s|<", word)]
    assert [path for path in paths if not path.startswith(MADE) and not list(ROOT.glob(path))] == []


@pytest.mark.parametrize(
    "command", [each for each in COMMANDS if each.program == "evcc-bridge"], ids=lambda each: each.text
)
def test_the_parser_understands_every_command_of_the_bridge(command: Command) -> None:
    parse([word.strip("[]") for word in command.arguments[1:]])


def runs(found: list[Command]) -> list[Command]:
    """Those of a block that run here, but those that ask the network around: tests/cli/test_find.py."""
    here = [command for command in found if command.program in RUN and not command.is_general]
    return [each for each in here if "--find" not in each.words and (each.program != "curl" or PAGE in each.text)]


@pytest.mark.broker
@pytest.mark.parametrize("name", [name for name, found in SHOWN.items() if runs(found)])
def test_what_can_run_does(house: House, name: str) -> None:
    """With the output that is shown, as far as its beginnings go; what does not end is ended after its first line."""
    background = []
    for command in runs(SHOWN[name]):
        if is_endless(command):
            running = house.begin(command, **alone(command))
            if command.text.endswith("&"):
                background.append(running)
            else:
                running.until()
                running.end()
        else:
            printed = {beginning(line) for line in house.run(command).splitlines()}
            expected = {beginning(house.here(line)) for line in command.output}
            for running in background:
                running.until(command.output[0].split()[0])
                printed |= expected
            assert expected <= printed
    for running in background:
        running.end()


def is_endless(command: Command) -> bool:
    """Whether a command runs until it is ended."""
    if command.program == "mosquitto_sub":
        return "-C" not in command.words
    return command.program == "evcc-bridge" and parse(command.arguments[1:]).command in ENDLESS


def alone(command: Command) -> dict[str, str]:
    """The variables of a second bridge, which must not disturb the house's."""
    if command.program != "evcc-bridge" or parse(command.arguments[1:]).command == "watch":
        return {}
    demo = parse(command.arguments[1:]).command == "demo"
    return {"WEB_LISTEN": "", "WEB_WRITE": ""} | ({"EVCC_URL": "", "MQTT_URL": ""} if demo else {"MQTT_ROOT": "other"})


def beginning(line: str) -> str:
    """The first word of a line, whatever its numbers."""
    return re.sub(r"\d+(?:[.:]\d+)*", "#", next(iter(line.split()), ""))
