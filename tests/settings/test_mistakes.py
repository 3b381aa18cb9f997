"""One readable line for each mistake, without a secret in it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from bridge.errors import ConfigError
from bridge.settings import Settings, load, sources
from bridge.settings.mistakes import lines
from bridge.settings.model import options

PERIOD = "takes off, or a time from 5m to 24h, such as 15m"


@pytest.fixture(autouse=True, scope="module")
def _nothing_of_this_machine() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sources, "SECRETS", Path("/nonexistent"))
        patch.setattr(sources, "DEFAULT_FILE", Path("/nonexistent"))
        yield


def mistakes(overrides: dict[str, str]) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(overrides, {}, hints=[])
    return str(caught.value).splitlines()


@pytest.mark.parametrize(
    ("option", "text", "line"),
    [
        (
            "evcc.interval",
            "fast",
            'evcc.interval (EVCC_INTERVAL): got "fast", takes seconds, from 0.01 to 86400, or a time such as 10s',
        ),
        (
            "evcc.interval",
            "nan",
            'evcc.interval (EVCC_INTERVAL): got "nan", takes seconds, from 0.01 to 86400, or a time such as 10s',
        ),
        ("mqtt.qos", "3", 'mqtt.qos (MQTT_QOS): got "3", takes 0, 1'),
        ("evcc.verify", "maybe", 'evcc.verify (EVCC_VERIFY): got "maybe", takes true, false'),
        ("log.level", "loud", 'log.level (LOG_LEVEL): got "loud", takes debug, info, warning, error'),
        ("mqtt.version", "4", 'mqtt.version (MQTT_VERSION): got "4", takes auto, 5, 3.1.1'),
        (
            "mqtt.key_file",
            "/none",
            'mqtt.key_file (MQTT_KEY_FILE): got "/none", takes the path of a file that is there',
        ),
        (
            "commands.timezone",
            "Mars",
            'commands.timezone (COMMANDS_TIMEZONE): got "Mars", takes a name such as Europe/Berlin (no such time zone)',
        ),
        ("extras.vehicles", "1m", f'extras.vehicles (EXTRAS_VEHICLES): got "1m", {PERIOD} (too often or too seldom)'),
        ("extras.vehicles", "often", f'extras.vehicles (EXTRAS_VEHICLES): got "often", {PERIOD}'),
        (
            "topics.exclude",
            "a",
            'topics.exclude (TOPICS_EXCLUDE): got "a", takes a list of patterns such as ["site/*"] (it is no JSON)',
        ),
    ],
)
def test_a_line_has_both_names_what_it_got_and_what_it_takes(option: str, text: str, line: str) -> None:
    assert mistakes({option: text}) == [line]


@pytest.mark.parametrize("root", ["", "/", "a/+", "#", "$SYS", "a\0b", "x" * 300])
def test_no_root(root: str) -> None:
    (line,) = mistakes({"mqtt.root": root})
    assert line.startswith("mqtt.root (MQTT_ROOT): got ")


@pytest.mark.parametrize("option", ["mqtt.root", "mqtt.url", "mqtt.user", "mqtt.password", "mqtt.ca_file", "topics.jq"])
def test_bytes_that_are_no_text(option: str) -> None:
    (line,) = mistakes({option: "geheim\udcff"})
    assert line.startswith(f"{option} ({option.replace('.', '_').upper()}): got ")
    assert line.isprintable()


@pytest.mark.parametrize(("root", "taken"), [("/evcc", "/evcc"), ("home/evcc/", "home/evcc"), ("Büro", "Büro")])
def test_roots(root: str, taken: str) -> None:
    assert load({"mqtt.root": root}, {}, hints=[]).mqtt.root == taken


@pytest.mark.parametrize("table", ['{"a/b": "."}', '{"": "."}', '{"a": ""}', '{"a": 1}', "[]", '"."', "[" * 100_000])
def test_no_table_of_expressions(table: str) -> None:
    (line,) = mistakes({"topics.jq": table})
    assert line.startswith("topics.jq (TOPICS_JQ): got ")


def test_every_mistake_has_one_line() -> None:
    assert len(mistakes({"evcc.interval": "x", "mqtt.qos": "9", "topics.exclude": "[1, 2]", "log.level": "x"})) == 4


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("evcc.intervall", "evcc.intervall: no such option; did you mean evcc.interval?"),
        ("evc.url", "evc: no such option; did you mean evcc?"),
        ("zoo.animal", "zoo: no such option"),
        ("_env_file.x", "_env_file: no such option"),
    ],
)
def test_an_unknown_option_with_its_nearest(name: str, line: str) -> None:
    assert mistakes({name: "secret"}) == [line]


def test_a_section_that_is_no_table() -> None:
    with pytest.raises(ValidationError) as caught:
        Settings.model_validate({"evcc": "secret"})
    assert lines(caught.value) == ["evcc: takes a table of options"]


@pytest.mark.parametrize("key", ["evcc_a\nX: 1", "evcc_a\r", "evcc a", "evcc_ä", "evcc_\x00", "x" * 5000])
def test_a_key_that_no_header_holds_is_refused_and_not_shown(key: str) -> None:
    (line,) = mistakes({"evcc.api_key": key})
    taken = "takes a key made in evcc (it has a character that no key has)"
    assert line == f"evcc.api_key (EVCC_API_KEY): got something else, {taken}"


def test_vehicles_are_asked_with_a_key_only() -> None:
    assert mistakes({"extras.vehicles": "15m"}) == [
        "configuration: extras.vehicles (EXTRAS_VEHICLES) needs evcc.api_key (EVCC_API_KEY)"
    ]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("15m", 900), ("1h30m", 5400), ("24h", 86_400), ("900", 900), ("300s", 300), ("off", 0), ("0", 0), (" OFF ", 0)],
)
def test_periods(text: str, seconds: float) -> None:
    assert load({"extras.vehicles": text, "evcc.api_key": "evcc_x"}, {}, hints=[]).extras.vehicles == seconds


def test_options_that_do_not_go_together(tmp_path: Path) -> None:
    (tmp_path / "key").touch()
    assert mistakes({"mqtt.key_file": str(tmp_path / "key")}) == [
        "mqtt: mqtt.key_file (MQTT_KEY_FILE) needs mqtt.cert_file (MQTT_CERT_FILE) beside it"
    ]


@pytest.mark.parametrize("value", [{"a": "secret"}, ["secret"], 5, True])
@pytest.mark.parametrize("option", ["url", "password"])
def test_values_of_a_wrong_type_are_not_shown_whole(option: str, value: object) -> None:
    with pytest.raises(ValidationError) as caught:
        Settings.model_validate({"mqtt": {option: value}})
    (line,) = lines(caught.value)
    assert line.startswith(f"mqtt.{option} (MQTT_{option.upper()}): got ")
    assert "secret" not in line


@given(password=st.text(min_size=1, max_size=12).map(lambda text: f"geheim{text}geheim"))
def test_no_line_has_a_password(password: str) -> None:
    for url in (
        f"mqtt://u:{password}@h:x",
        f"mqtt://u:/{password}@h",
        f"http://u:{password}@h",
        f"u:{password}@h",
        f"mqtt://u:{password}",
    ):
        assert not any("geheim" in line for line in mistakes({"mqtt.url": url, "mqtt.qos": "9"}))


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30)
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
names = st.sampled_from([f"{section}.{option}" for section, option in options().values()]) | st.text(max_size=12)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(overrides=st.dictionaries(names, st.text(max_size=40) | scalars.map(str), max_size=4))
def test_any_text_for_any_option_is_taken_or_explained(overrides: dict[str, str]) -> None:
    try:
        load(overrides, {}, hints=[])
    except ConfigError as error:
        found = str(error).split("\n")
        assert 1 <= len(found) <= len(overrides)
        assert all(line.isprintable() and ": " in line for line in found)


@given(
    document=st.dictionaries(
        st.sampled_from([*Settings.model_fields]) | st.text(max_size=5),
        anything | st.dictionaries(st.sampled_from([option for _, option in options().values()]), anything, max_size=3),
        max_size=3,
    )
)
def test_any_file_is_taken_or_explained(document: dict[str, Any]) -> None:
    try:
        Settings.model_validate(document)
    except ValidationError as error:
        found = lines(error)
        assert found
        assert all(line.isprintable() and ": " in line for line in found)


@pytest.mark.parametrize("text", ["a\x85b", "a\ufdd0", "\U0010fffe"])
@pytest.mark.parametrize("option", ["mqtt.root", "mqtt.client_id", "discovery.prefix"])
def test_a_broker_is_given_no_character_that_it_ends_the_connection_for(option: str, text: str) -> None:
    with pytest.raises(ConfigError, match=option):
        load({option: text}, {}, hints=[])
