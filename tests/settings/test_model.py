"""The options themselves."""

from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives import serialization
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from bridge.errors import ConfigError
from bridge.settings import Commands, Evcc, Mqtt, Settings
from bridge.settings.model import fields, options
from tests.broker.authority import Authority

passwords = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20).map(
    lambda text: f"<{text}>"
)


def test_made_directly_it_reads_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MQTT_ROOT", "elsewhere")
    assert Settings().mqtt.root == "evcc"


def test_does_not_change() -> None:
    with pytest.raises(ValidationError):
        Settings().evcc.interval = 3


def test_equal_options_are_equal_so_that_a_reload_without_a_change_is_seen() -> None:
    assert Settings(mqtt=Mqtt(root="a")) == Settings(mqtt=Mqtt(root="a"))
    assert Settings(mqtt=Mqtt(root="a")) != Settings(mqtt=Mqtt(root="b"))


def test_every_default_is_a_value_that_the_option_takes() -> None:
    defaults = {
        section: {option: field.default for option, field in fields(table).items()}
        for section, table in Settings.model_fields.items()
    }
    assert Settings.model_validate(defaults) == Settings()


def test_every_option_has_a_description() -> None:
    assert [
        name
        for name, (section, option) in options().items()
        if not fields(Settings.model_fields[section])[option].description
    ] == []


def test_login_of_the_address() -> None:
    mqtt = Mqtt.model_validate({"url": "mqtts://me:pass%40word@broker"})
    assert mqtt.url == "mqtts://broker"
    assert mqtt.login == ("me", "pass@word")
    assert (mqtt.address.host, mqtt.address.port, mqtt.address.tls) == ("broker", 8883, True)


@pytest.mark.parametrize(
    ("section", "login"),
    [
        ({}, None),
        ({"user": "me"}, ("me", "")),
        ({"password": "secret"}, ("", "secret")),
        ({"url": "http://other:word@evcc", "user": "me"}, ("me", "word")),
    ],
)
def test_login(section: dict[str, str], login: tuple[str, str] | None) -> None:
    assert Evcc.model_validate(section).login == login


@given(password=passwords)
def test_a_password_is_seen_nowhere(password: str) -> None:
    evcc = Evcc(user="me", password=SecretStr(password), api_key=SecretStr("S3CR3T-key"))
    settings = Settings(mqtt=Mqtt(password=SecretStr(password)), evcc=evcc)
    assert "S3CR3T-key" not in f"{settings!r} {settings} {settings.public()} {settings.model_dump_json()}"
    assert "S3CR3T-key" in settings.secrets()
    assert password not in repr(settings)
    assert password not in str(settings)
    assert password not in str(settings.public())
    assert password not in settings.model_dump_json()
    assert password in settings.secrets()


def test_secrets_include_the_form_in_an_address() -> None:
    assert Settings(mqtt=Mqtt(password=SecretStr("a/b"))).secrets() == {"a/b", "a%2Fb"}


def test_public_are_json_values_without_passwords() -> None:
    public = Settings().public()
    assert public["topics"]["exclude"] == []
    assert public["evcc"]["interval"] == 10
    assert not any("password" in section for section in public.values())


def test_zone_by_name_or_the_systems() -> None:
    assert (
        datetime(2026, 7, 1, tzinfo=Commands(timezone="Europe/Berlin").zone()).utcoffset()
        != datetime.now(UTC).utcoffset()
    )
    assert Commands().zone().utcoffset(datetime(2026, 7, 1)) is not None  # noqa: DTZ001 - whatever the system's is


@pytest.mark.parametrize("name", ["CET-1CEST,M3.5.0,M10.5.0/3", "Nonsense/Zone"])
def test_a_system_that_names_no_zone(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", name)
    monkeypatch.setattr("tzlocal.unix._cache_tz", None)
    with pytest.raises(ConfigError, match="COMMANDS_TIMEZONE"):
        Commands().zone()


def test_certificates_that_can_be_used(authority: Authority) -> None:
    one = authority.issue("bridge")
    mqtt = Mqtt(ca_file=authority.ca_file, cert_file=one.cert, key_file=one.key)
    assert (mqtt.ca_file, mqtt.cert_file, mqtt.key_file) == (authority.ca_file, one.cert, one.key)


def test_certificates_that_cannot(authority: Authority) -> None:
    one, other = authority.issue("one"), authority.issue("other")
    for files, reason in (
        ({"key_file": one.key}, r"needs mqtt\.cert_file"),
        ({"cert_file": one.cert}, "no PEM file"),
        ({"cert_file": one.cert, "key_file": other.key}, "key values mismatch"),
        ({"ca_file": one.key}, "no certificate"),
    ):
        with pytest.raises(ValidationError, match=reason):
            Mqtt.model_validate(files)


def test_a_key_with_a_password_is_refused_and_asks_nobody(
    authority: Authority, tmp_path_factory: pytest.TempPathFactory
) -> None:
    one = authority.issue("one")
    key = serialization.load_pem_private_key(one.key.read_bytes(), None)
    locked = tmp_path_factory.mktemp("locked") / "key.pem"
    encryption = serialization.BestAvailableEncryption(b"geheim")
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
    locked.write_bytes(key.private_bytes(*form))
    with pytest.raises(ValidationError, match=r"mqtt\.key_file cannot be used"):
        Mqtt(cert_file=one.cert, key_file=locked)


@pytest.mark.parametrize("option", ["allow", "deny"])
def test_an_empty_pattern_is_a_mistake_and_no_pattern_for_nothing(option: str) -> None:
    with pytest.raises(ValidationError):
        Commands.model_validate({option: [""]})
