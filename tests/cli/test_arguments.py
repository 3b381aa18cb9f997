"""What the command line takes."""

import pytest

from bridge import __version__
from bridge.cli.arguments import ERAS, overrides, parse
from bridge.demo import ERAS as SIMULATED


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


def test_the_eras_are_those_of_the_simulated_evcc() -> None:
    assert sorted(ERAS) == sorted(SIMULATED)


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        parse(["--version"])
    assert caught.value.code == 0
    assert capsys.readouterr().out == f"evcc-bridge {__version__}\n"
