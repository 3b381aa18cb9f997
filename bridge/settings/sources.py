"""Reads the configuration: defaults < TOML file < environment < secrets < command line."""

import tomllib
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from bridge.errors import ConfigError
from bridge.settings.mistakes import lines, misspelt
from bridge.settings.model import Settings, options
from bridge.settings.urls import Hint

DEFAULT_FILE = Path("/etc/evcc-bridge.toml")
SECRETS = Path("/run/secrets")
_LONGEST_SECRET = 65_536  # bytes


def load(overrides: Mapping[str, str], environment: Mapping[str, str], *, hints: list[str]) -> Settings:
    """Read every source and check every option.

    `overrides` are the options of the command line by name (`mqtt.root`). `CONFIG` in `environment` names the file;
    `DEFAULT_FILE` is read where it does not. What a user should know is added to `hints`: variables
    that were meant for an option, and parts of an address that are cut off.
    ConfigError has one line for each mistake.
    """

    class Configured(Settings, BaseSettings):
        model_config = SettingsConfigDict(env_nested_delimiter="_", env_nested_max_split=1, enable_decoding=False)

        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the signature is pydantic-settings'
            env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
            dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
            file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            """The sources, the strongest first."""
            return (
                InitSettingsSource(settings_cls, _nested(overrides)),
                Variables(settings_cls, _read_secrets(environment)),
                Variables(settings_cls, environment),
                TomlFile(settings_cls, _config_file(environment)),
            )

    hints.extend(misspelt(environment))
    try:
        with warnings.catch_warnings(record=True, action="always", category=Hint) as given:
            settings = Settings(**dict(Configured()))
    except ValidationError as error:
        raise ConfigError("\n".join(lines(error))) from None
    hints.extend(dict.fromkeys(str(each.message) for each in given if issubclass(each.category, Hint)))
    return settings


def describe(overrides: Mapping[str, str], environment: Mapping[str, str]) -> str:
    """Where options are read from: the file, variables, secrets, and the command line."""
    file, known = _config_file(environment), options()
    variables = sorted(name for name, text in environment.items() if name in known and text)
    parts = {
        "variables": variables,
        "secrets": sorted(_read_secrets(environment)),
        "command line": sorted(overrides),
    }
    named = [f"{kind} {', '.join(names)}" for kind, names in parts.items() if names]
    return "; ".join([f"file {file}" if file else f"no file ({DEFAULT_FILE} is not there)", *named])


class TomlFile(TomlConfigSettingsSource):
    """The TOML file. Its errors are ConfigErrors, and a byte order mark (editors of Windows write one) is skipped."""

    def _read_file(self, file_path: Any) -> dict[str, Any]:
        try:
            content = tomllib.loads(file_path.read_text(encoding="utf-8-sig"))
        except OSError as error:
            raise ConfigError(f"{file_path}: {error.strerror}") from None
        except (ValueError, RecursionError) as error:  # a TOML error names line and column, and shows no value
            raise ConfigError(f"{file_path}: no TOML file: {error}") from None
        for name in Settings.model_fields:  # a stronger source would hide the mistake
            if not isinstance(content.get(name, {}), dict):
                raise ConfigError(f"{name}: takes a table of options")
        return content


class Variables(EnvSettingsSource):
    """Options out of texts that are named as in the environment. Other names and empty texts are left alone.

    The environment is full of names of other programs, such as `MQTT_PORT` of a linked container.
    """

    def __init__(self, settings_cls: type[BaseSettings], variables: Mapping[str, str]) -> None:
        self._variables = variables
        super().__init__(settings_cls)

    def _load_env_vars(self) -> Mapping[str, str | None]:
        known = options()
        return {name.lower(): text for name, text in self._variables.items() if name in known and text}


def _config_file(environment: Mapping[str, str]) -> Path | None:
    try:
        if named := environment.get("CONFIG"):
            Path(named).open("rb").close()  # TomlConfigSettingsSource reads nothing where there is no file
            return Path(named)
        return DEFAULT_FILE if DEFAULT_FILE.exists() else None
    except OSError as error:
        raise ConfigError(f"{error.filename}: {error.strerror}") from None


def _read_secrets(environment: Mapping[str, str]) -> dict[str, str]:
    """The texts of the files that are named as an option, `mqtt__password` or `mqtt_password`.

    They are in `SECRETS` and in `CREDENTIALS_DIRECTORY`, which is the stronger. No other file is read: it may be
    another program's, of any size and not for us (pydantic-settings' NestedSecretsSettingsSource reads them all, and
    fails at one that is no text).
    """
    known = options()
    directories = [SECRETS, *map(Path, filter(None, [environment.get("CREDENTIALS_DIRECTORY")]))]
    return {
        name: _read_secret(path)
        for directory in directories
        for path in _list_files(directory)
        if (name := path.name.replace("__", "_").upper()) in known and path.is_file()
    }


def _list_files(directory: Path) -> list[Path]:
    try:
        return sorted(directory.iterdir()) if directory.is_dir() else []
    except OSError as error:
        raise ConfigError(f"{directory}: {error.strerror}") from None


def _read_secret(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(_LONGEST_SECRET).decode().rstrip("\r\n")
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: not a text") from None


def _nested(overrides: Mapping[str, str]) -> dict[str, Any]:
    tables: dict[str, Any] = {}
    for name, text in overrides.items():
        section, _, option = name.partition(".")
        tables.setdefault(section, {})[option] = text
    return tables
