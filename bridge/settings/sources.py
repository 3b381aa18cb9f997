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
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from bridge.errors import ConfigError
from bridge.settings.mistakes import lines, misspelt
from bridge.settings.model import Settings, fields, options
from bridge.settings.urls import Hint
from bridge.util.redact import sanitize

DEFAULT_FILE = Path("/etc/evcc-bridge.toml")
SECRETS = Path("/run/secrets")
SITES = ("sites", "sites_dir")
"""Options that stand beside the sections; see `bridge.settings.sites`."""
EVCCS_OWN = ("EVCC_INTERVAL",)
"""Variables that evcc reads too (`EVCC_` and a key of its configuration): a file may be shared with it."""
_LARGEST_FILE = 16 * 2**20  # bytes; thousands of sites
_LONGEST_SECRET = 65_536  # bytes
_LONGEST_SHOWN = 60


def load(overrides: Mapping[str, str], environment: Mapping[str, str], *, hints: list[str]) -> Settings:
    """Read every source and check every option, without those of several sites; see `read` and `checked`."""
    return checked(read(overrides, environment, hints=hints), hints)


def checked(tables: Mapping[str, Any], hints: list[str]) -> Settings:
    """The options of `tables`, without `SITES`; ConfigError has one line for each mistake.

    Parts of an address that are cut off are named in `hints`.
    """
    try:
        with warnings.catch_warnings(record=True, action="always", category=Hint) as given:
            settings = Settings.model_validate({name: table for name, table in tables.items() if name not in SITES})
    except ValidationError as error:
        raise ConfigError("\n".join(lines(error))) from None
    hints.extend(dict.fromkeys(str(each.message) for each in given if issubclass(each.category, Hint)))
    return settings


def read(overrides: Mapping[str, str], environment: Mapping[str, str], *, hints: list[str]) -> dict[str, Any]:
    """Read what all sources have, each option from the strongest source that has it; only `checked` checks values.

    `overrides` are the options of the command line by name (`mqtt.root`). `CONFIG` in `environment` names the file;
    `DEFAULT_FILE` is read where it does not. Variables that were meant for an option are named in `hints`, and those
    of `EVCCS_OWN` with a value that only evcc can use, which are left out.
    """
    hints.extend(misspelt(environment))
    unusable = _unusable(environment)
    secrets = _read_secrets(environment)
    sources = (  # the strongest last
        TomlFile(_Sources, _config_file(environment)),
        Variables(_Sources, {name: text for name, text in environment.items() if name not in unusable}),
        Variables(_Sources, secrets),
        InitSettingsSource(_Sources, _nested(overrides)),
    )
    tables: dict[str, Any] = {}
    for source in sources:
        for section, table in source().items():
            weaker = tables.get(section, {})
            tables[section] = {**weaker, **table} if isinstance(table, dict) and isinstance(weaker, dict) else table
    for name in SITES:
        if text := secrets.get(name.upper()) or environment.get(name.upper()):
            tables[name] = text
    hints.extend(
        f"{line}; it is meant for evcc, so {_used(name, tables)} is used here" for name, line in unusable.items()
    )
    return tables


def _unusable(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables of `EVCCS_OWN` that this program cannot use, each with the reason."""
    found = {}
    for name in filter(environment.get, EVCCS_OWN):
        section, option = options()[name]
        try:
            Settings.model_validate({section: {option: environment[name]}})
        except ValidationError as error:
            found[name] = ", ".join(lines(error))
    return found


def _used(name: str, tables: Mapping[str, Any]) -> str:
    """The value of the option of a variable."""
    section, option = options()[name]
    default = fields(Settings.model_fields[section])[option].default
    return sanitize(str(tables.get(section, {}).get(option, default)), _LONGEST_SHOWN)


class _Sources(Settings, BaseSettings):
    """How the environment names options, for pydantic-settings."""

    model_config = SettingsConfigDict(env_nested_delimiter="_", env_nested_max_split=1, enable_decoding=False)


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
        content = read_toml(file_path)
        for name in Settings.model_fields:  # a stronger source would hide the mistake
            if not isinstance(content.get(name, {}), dict):
                raise ConfigError(f"{name}: takes a table of options")
        return content


def read_toml(path: Path) -> dict[str, Any]:
    """What a TOML file has; ConfigError, without any of its values, where it cannot be read."""
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST_FILE + 1)
        if len(content) > _LARGEST_FILE:
            raise ConfigError(f"{path}: larger than {_LARGEST_FILE} bytes")
        return tomllib.loads(content.decode("utf-8-sig"))
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
    except (ValueError, RecursionError) as error:  # a TOML error names line and column, and shows no value
        raise ConfigError(f"{path}: no TOML file: {error}") from None


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
    known = {*options(), *map(str.upper, SITES)}
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
