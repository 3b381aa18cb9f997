"""Where options come from, and which source is the stronger one."""

import json
from pathlib import Path

import pytest

from bridge.errors import ConfigError
from bridge.settings import Settings, load, sources


@pytest.fixture(autouse=True)
def secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory of secrets; nothing of this machine's is read."""
    directory = tmp_path / "secrets"
    directory.mkdir()
    monkeypatch.setattr(sources, "SECRETS", directory)
    monkeypatch.setattr(sources, "DEFAULT_FILE", tmp_path / "bridge.toml")
    return directory


def read(
    tmp_path: Path, toml: str = "", env: dict[str, str] | None = None, overrides: dict[str, str] | None = None
) -> Settings:
    """Load with `toml` as the default file."""
    (tmp_path / "bridge.toml").write_text(toml)
    return load(overrides or {}, env or {}, hints=[])


def test_nothing_configured(secrets: Path) -> None:
    secrets.rmdir()
    assert load({}, {}, hints=[]) == Settings()


def test_the_order_of_strength(tmp_path: Path, secrets: Path) -> None:
    toml = '[mqtt]\nroot = "file"\nqos = 0\nkeepalive = 20\nuser = "file"'
    env = {"MQTT_QOS": "1", "MQTT_KEEPALIVE": "30", "MQTT_USER": "environment"}
    (secrets / "mqtt__keepalive").write_text("40\n")
    (secrets / "mqtt_user").write_text("secret")
    mqtt = read(tmp_path, toml, env, {"mqtt.user": "line"}).mqtt
    assert (mqtt.root, mqtt.qos, mqtt.keepalive, mqtt.user) == ("file", 1, 40, "line")


def test_the_environment_names_options_with_underscores(tmp_path: Path) -> None:
    settings = read(tmp_path, env={"EVCC_PUSH_INTERVAL": "12.5", "COMMANDS_DRY_RUN": "TRUE", "LOG_LEVEL": "Debug"})
    assert settings.evcc.push_interval == 12.5
    assert settings.commands.dry_run is True
    assert settings.log.level == "debug"


def test_lists_and_tables_are_json_where_there_is_only_text(tmp_path: Path) -> None:
    topics = read(
        tmp_path, env={"TOPICS_EXCLUDE": '["site/a*", "b"]'}, overrides={"topics.jq": '{"house": ".homePower"}'}
    ).topics
    assert topics.exclude == ("site/a*", "b")
    assert topics.jq == {"house": ".homePower"}


def test_a_file_has_lists_and_tables_of_its_own(tmp_path: Path) -> None:
    topics = read(tmp_path, '[topics]\nexclude = ["a"]\n[topics.jq]\nhouse = ".homePower"').topics
    assert (topics.exclude, topics.jq) == (("a",), {"house": ".homePower"})


def test_an_empty_variable_is_none(tmp_path: Path) -> None:
    assert read(tmp_path, '[mqtt]\nroot = "file"', {"MQTT_ROOT": "", "EVCC_GRACE": ""}).mqtt.root == "file"


def test_variables_of_other_programs_are_left_alone(tmp_path: Path) -> None:
    env = {
        "MQTT_PORT": "tcp://10.0.0.1:1883",
        "MQTT": "1",
        "LOG": "x",
        "EVCC_": "y",
        "TOPICS_JQ_HOUSE": ".x",
        "PATH": "/bin",
    }
    assert read(tmp_path, env=env) == Settings()


def test_a_variable_that_is_nearly_an_option_is_named() -> None:
    hints: list[str] = []
    env = {
        "EVCC_INTERVALL": "3",
        "MQTT_PORT": "tcp://172.17.0.2:1883",
        "EVCC_URL": "http://evcc",
        "MQTTX_ROOT": "a",
        "HOME": "/root",
    }
    load({}, env, hints=hints)
    assert hints == [
        "EVCC_INTERVALL is no option and is ignored; did you mean EVCC_INTERVAL?",
        "MQTTX_ROOT is no option and is ignored; did you mean MQTT_ROOT?",
    ]


def test_config_names_the_file(tmp_path: Path) -> None:
    (tmp_path / "other.toml").write_text('[mqtt]\nroot = "other"')
    assert read(tmp_path, '[mqtt]\nroot = "default"', {"CONFIG": str(tmp_path / "other.toml")}).mqtt.root == "other"


@pytest.mark.parametrize("name", ["", "none.toml"], ids=["directory", "missing"])
def test_a_named_file_that_cannot_be_read(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match=f"^{tmp_path / name}: (Is a directory|No such file)"):
        load({}, {"CONFIG": str(tmp_path / name)}, hints=[])


def test_a_level_may_be_called_as_elsewhere(tmp_path: Path) -> None:
    assert read(tmp_path, env={"LOG_LEVEL": "warn"}).log.level == "warning"


@pytest.mark.parametrize(
    "content", [b"[mqtt\nroot=", b"\xff\xfe", b"a = " + b"[" * 5000], ids=["cut", "no text", "deep"]
)
def test_a_broken_file_is_named_without_its_content(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "bridge.toml"
    file.write_bytes(content)
    with pytest.raises(ConfigError, match=r"bridge\.toml: no TOML file") as caught:
        load({}, {}, hints=[])
    assert len(str(caught.value)) < 300


def test_a_byte_order_mark_is_no_mistake(tmp_path: Path) -> None:
    assert read(tmp_path, '\ufeff[mqtt]\nroot = "home"').mqtt.root == "home"


@pytest.mark.parametrize("env", [{}, {"MQTT_PASSWORD": "geheim"}])
def test_a_value_in_the_place_of_a_section_is_a_mistake(tmp_path: Path, env: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match="mqtt: takes a table of options"):
        read(tmp_path, 'mqtt = "mqtt://broker"', env)


def test_secrets_that_cannot_be_listed_are_named(secrets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(_: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", denied)  # root is denied nothing
    with pytest.raises(ConfigError, match=f"{secrets}: Permission denied"):
        load({}, {}, hints=[])


def test_the_credentials_of_systemd_are_secrets_too(tmp_path: Path, secrets: Path) -> None:
    (secrets / "mqtt_password").write_text("docker")
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    (credentials / "mqtt__password").write_text("systemd\n")
    password = read(tmp_path, env={"CREDENTIALS_DIRECTORY": str(credentials)}).mqtt.password
    assert password is not None
    assert password.get_secret_value() == "systemd"


def test_other_secrets_are_left_alone(tmp_path: Path, secrets: Path) -> None:
    (secrets / "database").write_bytes(b"\xff" * 100)
    (secrets / "mqtt_url").mkdir()
    assert read(tmp_path) == Settings()


def test_a_secret_that_is_no_text_is_named_and_not_shown(tmp_path: Path, secrets: Path) -> None:
    (secrets / "mqtt_password").write_bytes(b"geheim\xff")
    with pytest.raises(ConfigError, match="mqtt_password: not a text") as caught:
        read(tmp_path)
    assert "geheim" not in str(caught.value)


def test_an_address_with_a_login_may_be_a_secret(tmp_path: Path, secrets: Path) -> None:
    (secrets / "mqtt__url").write_text("mqtt://me:word@broker\n")
    mqtt = read(tmp_path).mqtt
    assert (mqtt.url, mqtt.login) == ("mqtt://broker", ("me", "word"))


def test_what_is_public_can_be_configured_again(tmp_path: Path) -> None:
    first = read(tmp_path, env={"TOPICS_JQ": '{"a": ".b"}', "EVCC_GRACE": "3"})
    env = {
        f"{section}_{option}".upper(): value if isinstance(value, str) else json.dumps(value)
        for section, table in first.public().items()
        for option, value in table.items()
        if value is not None
    }
    assert read(tmp_path, env=env) == first


@pytest.mark.parametrize(
    ("text", "seconds"), [("10s", 10), ("1m30s", 90), ("500ms", 0.5), ("1h", 3600), ("2 min", 120), ("1.5S", 1.5)]
)
def test_a_time_may_have_units(tmp_path: Path, text: str, seconds: float) -> None:
    assert read(tmp_path, f'[evcc]\ninterval = "{text}"').evcc.interval == seconds
    assert read(tmp_path, env={"EVCC_GRACE": text, "MQTT_REFRESH": text}).evcc.grace == seconds


@pytest.mark.parametrize("text", ["10x", "s", "1m-3s", "1..5s", "10s fast", "9" * 5000 + "s"])
def test_a_time_with_other_units_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError, match="or a time such as 10s"):
        read(tmp_path, env={"EVCC_TIMEOUT": text})


@pytest.mark.parametrize(
    "text", ["100us", "30000000000", "-1s", "+30s", "0s", "99h", ".5s", "thirty", "\n", "x" * 5000]
)
def test_an_interval_that_only_evcc_can_use_is_ignored(tmp_path: Path, text: str) -> None:
    hints: list[str] = []
    (tmp_path / "bridge.toml").write_text("[evcc]\ninterval = 20")
    assert load({}, {"EVCC_INTERVAL": text}, hints=hints).evcc.interval == 20
    assert load({"evcc.interval": "3"}, {"EVCC_INTERVAL": text}, hints=[]).evcc.interval == 3
    assert len(hints) == 1
    assert hints[0].startswith("evcc.interval (EVCC_INTERVAL): got ")
    assert hints[0].endswith(
        "takes seconds, from 0.01 to 86400, or a time such as 10s; it is meant for evcc, so 20 is used here"
    )
    assert len(hints[0]) < 250


def test_the_default_is_used_for_a_variable_of_evcc() -> None:
    assert hinted({"EVCC_INTERVAL": "fast"})[0].endswith("so 10 is used here")


def test_a_wrong_interval_of_the_own_file_ends_the_start(tmp_path: Path) -> None:
    for source in ({"toml": '[evcc]\ninterval = "fast"'}, {"overrides": {"evcc.interval": "fast"}}):
        with pytest.raises(ConfigError, match="or a time such as 10s"):
            read(tmp_path, env={"EVCC_INTERVAL": "also wrong"}, **source)


@pytest.mark.parametrize(
    ("level", "known"), [("warn", "warning"), ("WARN", "warning"), ("trace", "debug"), ("fatal", "error")]
)
def test_levels_as_other_programs_name_them(tmp_path: Path, level: str, known: str) -> None:
    assert read(tmp_path, env={"LOG_LEVEL": level}).log.level == known


def hinted(environment: dict[str, str]) -> list[str]:
    """The hints that an environment gives."""
    hints: list[str] = []
    load({}, environment, hints=hints)
    return hints


@pytest.mark.parametrize(
    ("name", "right"),
    [
        ("MQTT_HOST", "MQTT_URL"),
        ("MQTT_BROKER", "MQTT_URL"),
        ("EVCC_URI", "EVCC_URL"),
        ("EVCC_HOST", "EVCC_URL"),
        ("MQTT_USERNAME", "MQTT_USER"),
        ("MQTT_PASS", "MQTT_PASSWORD"),
        ("MQTT_TOPIC", "MQTT_ROOT"),
        ("MQTT_CLIENTID", "MQTT_CLIENT_ID"),
        ("LOGLEVEL", "LOG_LEVEL"),
    ],
)
def test_names_of_other_programs_are_hinted_at(name: str, right: str) -> None:
    assert hinted({name: "geheim"}) == [f"{name} is no option and is ignored; the option is {right}"]


def test_evccs_own_variables_and_those_of_linked_containers_are_no_mistake() -> None:
    evccs = {
        "EVCC_INTERVAL": "30s",
        "EVCC_LOG": "debug",
        "EVCC_MQTT_BROKER": "localhost:1883",
        "EVCC_MQTT_TOPIC": "evcc",
        "EVCC_NETWORK_PORT": "7070",
        "EVCC_NETWORK_HOST": "evcc.local",
        "EVCC_DATABASE_DSN": "/root/.evcc/evcc.db",
        "EVCC_SPONSORTOKEN": "geheim",
        "EVCC_PROFILE": "true",
    }
    linked = {
        "MQTT_PORT": "tcp://172.17.0.2:1883",
        "EVCC_PORT": "tcp://172.17.0.3:7070",
        "MQTT_SERVICE_HOST": "10.0.0.1",
    }
    assert hinted(evccs | linked) == []


@pytest.mark.parametrize(
    ("url", "used", "cut"),
    [
        ("http://evcc:7070/#/config", "http://evcc:7070", "/#/config"),
        ("http://evcc:7070/#", "http://evcc:7070", "/#"),
        ("http://evcc:7070#/log", "http://evcc:7070", "#/log"),
        ("https://home/evcc/api", "https://home/evcc", "/api"),
        ("http://me:geheim@evcc:7070/api/state/", "http://evcc:7070", "/api/state/"),
    ],
)
def test_an_address_from_the_browser_is_cut(url: str, used: str, cut: str) -> None:
    hints: list[str] = []
    assert load({}, {"EVCC_URL": url}, hints=hints).evcc.url == used
    assert hints == [f"evcc.url (EVCC_URL): {cut} is no part of evcc's address and is cut off"]


@pytest.mark.parametrize("url", ["http://me:pa#/ss@evcc:7070", "http://evcc:7070/?a=1", "/#/config"])
def test_an_address_that_cannot_be_cut_is_refused(url: str) -> None:
    with pytest.raises(ConfigError):
        load({}, {"EVCC_URL": url}, hints=[])
