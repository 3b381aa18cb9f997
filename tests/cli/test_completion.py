"""The completion of shells, and the manual page: both are made from the parser."""

import shutil
import subprocess
from pathlib import Path

import pytest

from bridge.cli import main
from bridge.cli.arguments import EXPORTS, SHELLS, parser
from bridge.cli.completion import script
from bridge.cli.manual import manual
from bridge.cli.usage import Argument, usage

ROOT = Path(__file__).parents[2]
COMMANDS = {"run", "check", "status", "watch", "set", "topics", "demo", "export", "completion"}


def completed(tmp_path: Path, *words: str) -> set[str]:
    """What bash offers for the last word."""
    (tmp_path / "script").write_text(script("bash"))
    line = " ".join(f"'{word}'" for word in ("evcc-bridge", *words))
    code = f"source ./script; COMP_WORDS=({line}); COMP_CWORD={len(words)}; _evcc_bridge; echo ${{COMPREPLY[@]}}"
    found = subprocess.run(["bash", "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    return set(found.stdout.split())


class TestBash:
    def test_commands(self, tmp_path: Path) -> None:
        assert completed(tmp_path, "") >= COMMANDS | {"--root", "--set"}
        assert completed(tmp_path, "st") == {"status"}

    def test_what_belongs_to_a_command(self, tmp_path: Path) -> None:
        assert completed(tmp_path, "--root", "home", "export", "") >= {"openhab", "nodered", "homeassistant", "--out"}
        assert completed(tmp_path, "export", "no") == {"nodered"}
        assert "--quick" not in completed(tmp_path, "watch", "--")

    def test_values_of_an_option(self, tmp_path: Path) -> None:
        assert completed(tmp_path, "demo", "--era", "") == {"0.131.4", "0.313.2"}
        assert completed(tmp_path, "--mqtt-url", "") == set()


@pytest.mark.client
def test_fish(tmp_path: Path) -> None:
    fish = shutil.which("fish")
    if fish is None:
        pytest.skip("fish is not installed")
    (tmp_path / "script").write_text(script("fish"))

    def offered(line: str) -> set[str]:
        code = f"source ./script; complete -C '{line}'"
        found = subprocess.run([fish, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
        return {text.partition("\t")[0] for text in found.stdout.splitlines()}

    assert offered("evcc-bridge ") == COMMANDS
    assert offered("evcc-bridge export ") == {*EXPORTS}
    assert "--verbose" in offered("evcc-bridge demo --")
    assert "--verbose" not in offered("evcc-bridge topics --")


@pytest.mark.client
def test_zsh(tmp_path: Path) -> None:
    zsh = shutil.which("zsh")
    if zsh is None:
        pytest.skip("zsh is not installed")
    (tmp_path / "_evcc-bridge").write_text(script("zsh"))
    # completion works in an interactive shell only, which zpty gives to one
    code = """
    zmodload zsh/zpty
    zpty shell 'PS1=; zsh -f -i'
    zpty -w shell "fpath=($PWD \\$fpath); autoload -Uz compinit; compinit -u -D; bindkey '^I' list-choices"
    zpty -w shell "echo re''ady"
    zpty -r -m shell out '*ready*'
    zpty -w -n shell $'evcc-bridge export \\t'
    zpty -r -m shell out '*openhab*' && print found
    """
    found = subprocess.run(
        [zsh, "-f", "-c", code], cwd=tmp_path, env={"TERM": "dumb", "PATH": "/usr/bin:/bin"},
        capture_output=True, text=True, timeout=20, check=False,
    )  # fmt: skip
    assert found.stdout.strip() == "found", found.stderr


@pytest.mark.parametrize("shell", SHELLS)
def test_every_command_and_option_is_in_it(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    printed = capsys.readouterr().out
    table = usage()
    flags = {
        flag for each in (*table.options, *(a for c in table.commands for a in c.arguments)) for flag in each.flags
    }
    names = {command.name for command in table.commands} | flags - {"-h"}
    assert {name for name in names if name.removeprefix("--") not in printed} == set()


def test_the_table_is_what_the_parser_takes() -> None:
    table = usage()
    assert {command.name for command in table.commands} == COMMANDS
    assert all(command.help for command in table.commands)
    for command in table.commands:
        assert parser().parse_args([command.name, *(_value(each) for each in command.arguments if not each.flags)])


def _value(argument: Argument) -> str:
    return argument.choices[0] if argument.choices else "x"


class TestManual:
    def test_it_is_current(self) -> None:
        assert (ROOT / "packaging/evcc-bridge.1").read_text() == manual(), "run scripts/readme"

    @pytest.mark.client
    def test_it_is_well_formed(self, tmp_path: Path) -> None:
        man = shutil.which("man")
        if man is None:
            pytest.skip("man is not installed")
        (tmp_path / "page.1").write_text(manual())
        environment = {"MANWIDTH": "80", "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "MANROFFSEQ": ""}
        shown = subprocess.run(
            [man, "--warnings=w", "-l", str(tmp_path / "page.1")],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        assert shown.stderr == ""
        for text in ("NAME", "--mqtt-url URL", "watch", "'loadpoints/1' or '*/soc'", "The exit code is 0"):
            assert text in shown.stdout
