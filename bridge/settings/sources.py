"""Where options come from: defaults < file < environment < secrets < command line."""

import os
import tomllib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_settings import BaseSettings, EnvSettingsSource

from bridge.errors import ConfigError
from bridge.settings.mistakes import lines, misspelt
from bridge.settings.model import Settings, options

DEFAULT_FILE = Path("/etc/evcc-bridge.toml")
SECRETS = Path("/run/secrets")
_LONGEST_SECRET = 65_536

Layer = dict[str, Any]


class Variables(EnvSettingsSource):
    """Options named as in the environment, out of any mapping; names that are no option are left alone."""

    def __init__(self, settings: type[BaseSettings], variables: Mapping[str, str]) -> None:
        self._variables = variables
        super().__init__(settings)

    def _load_env_vars(self) -> Mapping[str, str | None]:
        known = options()
        return {name.lower(): text for name, text in self._variables.items() if name in known and text}


def load(
    overrides: Mapping[str, str] | None = None,
    env: Mapping[str, str] = os.environ,
    *,
    default_file: Path = DEFAULT_FILE,
    secrets: Path = SECRETS,
    warn: Callable[[str], None] = lambda _: None,
) -> Settings:
    """Read every source and check every option.

    `overrides` has `section.option` as keys and is the strongest; `CONFIG` in `env` names the file, and
    `default_file` is read where it does not. ConfigError has one readable line for each mistake.
    """
    for hint in misspelt(env):
        warn(hint)
    directories = [secrets, *(Path(path) for path in (env.get("CREDENTIALS_DIRECTORY"),) if path)]
    layers = (
        _from_file(_named(env, default_file)),
        Variables(Settings, env)(),
        Variables(Settings, _from_directories(directories))(),
        _from_overrides(overrides or {}),
    )
    try:
        return Settings.model_validate(_merged(layers))
    except ValidationError as error:
        raise ConfigError("\n".join(lines(error))) from None


def _named(env: Mapping[str, str], default: Path) -> Path | None:
    if env.get("CONFIG"):
        return Path(env["CONFIG"])
    return default if default.exists() else None


def _from_file(path: Path | None) -> Layer:
    if path is None:
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))  # editors of Windows begin with a byte order mark
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
    except (ValueError, RecursionError) as error:  # a TOML error names line and column, and shows no value
        raise ConfigError(f"{path}: no TOML file: {error}") from None


def _from_directories(directories: Iterable[Path]) -> dict[str, str]:
    """Secrets are files named as an option, `mqtt__password` or `mqtt_password`; the last directory wins."""
    known = options()
    return {
        name: _secret(path)
        for directory in directories
        for path in _files(directory)
        if (name := path.name.replace("__", "_").upper()) in known and path.is_file()
    }


def _files(directory: Path) -> list[Path]:
    try:
        return sorted(directory.iterdir()) if directory.is_dir() else []
    except OSError as error:
        raise ConfigError(f"{directory}: {error.strerror}") from None


def _secret(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(_LONGEST_SECRET).decode().rstrip("\r\n")
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: not a text") from None


def _from_overrides(overrides: Mapping[str, str]) -> Layer:
    layer: Layer = {}
    for name, text in overrides.items():
        section, _, option = name.partition(".")
        layer.setdefault(section, {})[option] = text
    return layer


def _merged(layers: Iterable[Layer]) -> Layer:
    whole: Layer = {}
    for layer in layers:
        for section, table in layer.items():
            known = whole.setdefault(section, table)
            if isinstance(known, dict):  # else it is the file's mistake, and stays to be told
                whole[section] = known | table
    return whole
