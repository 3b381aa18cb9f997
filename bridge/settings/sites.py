"""Several sites in one configuration: `[[sites]]` and `sites_dir`, what they inherit, and which this process runs."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bridge.errors import ConfigError
from bridge.settings.model import SITE_TABLES, Fleet, Settings
from bridge.settings.sources import checked, read, read_toml
from bridge.util.client_id import client_id as default_client_id
from bridge.util.redact import sanitize
from bridge.util.topics import UNFIT

_LONGEST_NAME = 128  # bytes
_NO_NAME = re.compile(rf"[/+#{UNFIT}]")


@dataclass(frozen=True, slots=True)
class Configuration:
    """The options of the process, and of each site that it runs.

    `settings` has `web`, `log` and `fleet`. Without `[[sites]]` and `sites_dir` there is one site, called as its root,
    and `several` is false. `wrong` has the mistakes of sites that cannot run, by the site's name or its file's.
    """

    settings: Settings
    sites: Mapping[str, Settings]
    wrong: Mapping[str, str]
    several: bool

    def secrets(self) -> frozenset[str]:
        """Every text that must not be seen anywhere."""
        return self.settings.secrets().union(*(site.secrets() for site in self.sites.values()))

    def only(self) -> Settings:
        """The options of the only site; ConfigError where several are configured."""
        if self.several:
            raise ConfigError("sites (SITES), sites_dir (SITES_DIR): the demo has one site of its own")
        return self.site(None)

    def site(self, name: str | None) -> Settings:
        """The options of one site; ConfigError where there is no such site, or several and no name."""
        if name is not None and name in self.wrong:
            raise ConfigError(f"site {name}: {self.wrong[name]}")
        if name is None and len(self.sites) == 1 and not self.wrong:
            return next(iter(self.sites.values()))
        if name is None or name not in self.sites:
            names = sanitize(", ".join(self.sites), 200) or "none"
            raise ConfigError(f"{'there are several sites' if name is None else 'no such site'}; --site takes: {names}")
        return self.sites[name]


def configuration(overrides: Mapping[str, str], environment: Mapping[str, str], *, hints: list[str]) -> Configuration:
    """Read every source (see `sources.read`) and every file of a site.

    ConfigError for a mistake that concerns all sites; one of a single site only keeps that site from running.
    """
    tables = read(overrides, environment, hints=hints)
    settings = checked(tables, hints)
    listed, directory = [*_listed(tables.get("sites") or [])], tables.get("sites_dir")
    if not listed and not directory:
        if settings.fleet.count > 1:
            raise ConfigError("fleet.count (FLEET_COUNT): there is one site only, which cannot be shared")
        return Configuration(settings, {settings.mqtt.root: settings.of_site()}, {}, several=False)
    found = _Sites(tables, settings.fleet, hints)
    for name, table in listed:
        found.add(name, table)
    for path in _files(directory) if directory else ():
        found.add_file(path)
    return Configuration(settings, found.sites, found.wrong, several=True)


class _Sites:
    """The sites of this process, one after another: the first one that has a name, or a root, keeps it."""

    def __init__(self, tables: Mapping[str, Any], fleet: Fleet, hints: list[str]) -> None:
        self._tables = tables
        self._fleet = fleet
        self._hints = hints
        self._roots: dict[object, str] = {}
        self.sites: dict[str, Settings] = {}
        self.wrong: dict[str, str] = {}

    def add(self, name: str, table: Mapping[str, Any]) -> None:
        """Add a site, or what is wrong with it."""
        if not self._fleet.runs(name):
            return
        try:
            settings = _settings(name, table, self._tables, self._fleet.index, self._hints)
            self._claim(name, settings)
        except ConfigError as error:
            self.wrong[name] = "; ".join(str(error).splitlines())
        else:
            self.sites[name] = settings

    def add_file(self, path: Path) -> None:
        """Add the site of a file, or what is wrong with it."""
        name = path.stem
        if not _is_name(name) or name in self.sites or name in self.wrong:
            reason = "another site has this name" if _is_name(name) else "its name cannot be a topic level"
            self.wrong[sanitize(path.name, _LONGEST_NAME)] = f"{path}: {reason}"
        elif self._fleet.runs(name):
            try:
                self.add(name, read_toml(path))
            except ConfigError as error:
                self.wrong[name] = str(error)

    def _claim(self, name: str, settings: Settings) -> None:
        """Keep root and client id from every other site on the same broker; ConfigError where one has them already."""
        mqtt = settings.mqtt
        broker = (mqtt.address.host.lower(), mqtt.address.port, mqtt.address.path)
        claims = [("mqtt.root", mqtt.root), *([("mqtt.client_id", mqtt.client_id)] if mqtt.client_id else [])]
        for option, value in claims:
            other = self._roots.setdefault((broker, option, value), name)
            if other != name:
                raise ConfigError(f"{option}: site {other} has the same on this broker ({value})")


def _settings(name: str, table: Mapping[str, Any], tables: Mapping[str, Any], index: int, hints: list[str]) -> Settings:
    """The options of a site: its own, else those of the top level; root and client id are its own in any case."""
    if foreign := sorted(map(str, table.keys() - {*SITE_TABLES})):
        raise ConfigError(f"{sanitize(', '.join(foreign), _LONGEST_NAME)}: a site takes {', '.join(SITE_TABLES)}")
    common = {section: tables.get(section, {}) for section in SITE_TABLES}
    root, client_id = (common["mqtt"].get(option) for option in ("root", "client_id"))
    common["mqtt"] = {**common["mqtt"], "root": f"{str(root or 'evcc').rstrip('/')}/{name}"}
    if client_id:
        common["mqtt"]["client_id"] = f"{client_id}-{name}{f'-{index}' if index else ''}"
    settings = checked({section: {**common[section], **_options(table, section)} for section in SITE_TABLES}, hints)
    if settings.mqtt.client_id or not index:
        return settings
    mqtt = settings.mqtt.model_copy(update={"client_id": default_client_id(settings.mqtt.root, index)})
    return settings.model_copy(update={"mqtt": mqtt})


def _options(table: Mapping[str, Any], section: str) -> Mapping[str, Any]:
    options = table.get(section, {})
    if not isinstance(options, dict):
        raise ConfigError(f"{section}: takes a table of options")
    return options


def _listed(sites: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The sites in `[[sites]]`, or in the JSON list that the environment has, with their names."""
    if isinstance(sites, str):
        try:
            sites = json.loads(sites)
        except (ValueError, RecursionError):
            raise ConfigError("sites (SITES): it is no JSON") from None
    if not isinstance(sites, list) or not all(isinstance(site, dict) for site in sites):
        raise ConfigError("sites (SITES): takes a list of tables, each with a name")
    names: set[str] = set()
    for number, site in enumerate(sites, start=1):
        name = site.get("name")
        if not isinstance(name, str) or not _is_name(name) or name in names:
            shown = sanitize(json.dumps(name), _LONGEST_NAME)
            raise ConfigError(f"sites (SITES): number {number}: name takes one topic level of its own, got {shown}")
        names.add(name)
        yield name, {section: options for section, options in site.items() if section != "name"}


def _is_name(name: str) -> bool:
    """Whether a name can be one level of a topic, and of a root."""
    is_level = bool(name.strip()) and name == name.strip() and not name.startswith("$") and not _NO_NAME.search(name)
    return is_level and len(name.encode()) <= _LONGEST_NAME


def _files(directory: Any) -> list[Path]:
    """The TOML files of a directory by name; hidden ones are an editor's, or Kubernetes' own."""
    if not isinstance(directory, str):
        raise ConfigError("sites_dir (SITES_DIR): takes the path of a directory")
    try:
        found = [path for path in Path(directory).iterdir() if path.suffix == ".toml" and path.name[0] != "."]
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no path"
        raise ConfigError(f"sites_dir (SITES_DIR): {sanitize(directory)}: {reason}") from None
    return sorted(found)
