"""What the command line takes."""

import re

import pytest

from bridge import __version__
from bridge.cli.arguments import ERAS, overrides, parse
from evcc_simulator import ERAS as SIMULATED


def test_without_a_command_it_runs() -> None:
    assert parse([]).command == "run"


def test_options_stand_before_a_command_or_after_it() -> None:
    before = parse(["--root", "home", "--set", "evcc.interval=5", "check"])
    after = parse(["check", "--root", "home", "--set", "evcc.interval=5"])
    assert overrides(before) == overrides(after) == {"mqtt.root": "home", "evcc.interval": "5"}


def test_options_of_both_places_count() -> None:
    both = parse(["--set", "evcc.interval=5", "--root", "one", "run", "--set", "mqtt.qos=0", "--root", "two"])
    assert overrides(both) == {"evcc.interval": "5", "mqtt.root": "two", "mqtt.qos": "0"}


def test_a_value_may_hold_anything() -> None:
    assert overrides(parse(["--set", 'topics.jq={"a": ".b==1"}'])) == {"topics.jq": '{"a": ".b==1"}'}
    assert overrides(parse(["--set", "mqtt.root="])) == {"mqtt.root": ""}


@pytest.mark.parametrize(
    "argv",
    [["dance"], ["--set", "interval=5"], ["--set", "evcc.interval"], ["export", "fhem"], ["--roof"], ["--config", ""]],
)
def test_what_it_does_not_take_ends_with_2(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        parse(argv)
    assert caught.value.code == 2
    assert "usage: evcc-bridge" in capsys.readouterr().err


@pytest.mark.parametrize(
    "line",
    [
        "run --mqtt.password=S3CR3T",
        "run --mqtt.password S3CR3T",
        "--mqtt.password S3CR3T run",
        "--mqtt.password S3CR3T",
        "run -pS3CR3T",
        "run --set mqtt.password= S3CR3T",
        "run --set S3CR3T",
        "check --quick=S3CR3T",
        "export S3CR3T",
        "demo --era S3CR3T",
        "--set=mqtt.password=1 --password=S3CR3T'and\\more",
        "S3CR3T'and\\more\"",
        "--c=S3CR3T --co --=S3CR3T",
    ],
)
def test_no_value_is_shown(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(line.split(" "))
    printed = capsys.readouterr().err
    assert "evcc-bridge" in printed
    assert not {"S3CR3T", "more"} & {*re.findall(r"\w+", printed)}


def test_the_name_of_what_it_does_not_take_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(["run", "--mqtt.password=1", "--run=run"])
    assert "unrecognized arguments: --mqtt.password=*** --run=run" in capsys.readouterr().err


def test_the_eras_are_those_of_the_simulated_evcc() -> None:
    assert sorted(ERAS) == sorted(SIMULATED)


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        parse(["--version"])
    assert caught.value.code == 0
    assert capsys.readouterr().out == f"evcc-bridge {__version__}\n"


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("chekc", "there is no chekc; did you mean check? (choose from run, check"),
        ("--root home chekc", "there is no chekc; did you mean check?"),
        ("dance", "there is no dance (choose from run"),
        ("export nodred", "there is no nodred; did you mean nodered?"),
        ("export fhem", "there is no fhem (choose from openhab"),
        ("--set evcc.interval", "takes SECTION.OPTION=VALUE, such as evcc.interval=5"),
        ("--set evcc.interval run", "takes SECTION.OPTION=VALUE, such as evcc.interval=5"),
    ],
)
def test_a_mistyped_word_is_named(line: str, shown: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(line.split(" "))
    assert shown in capsys.readouterr().err
