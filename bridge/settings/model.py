"""The options, section by section."""

import hashlib
from collections.abc import Iterator, Mapping
from datetime import tzinfo
from typing import Any, Self
from urllib.parse import quote
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.fields import FieldInfo

from bridge.errors import ConfigError
from bridge.settings import kinds
from bridge.settings.urls import Address, without_login

SECRETS = frozenset({"password", "token", "api_key"})
"""Options whose values are shown nowhere."""
SITE_TABLES = ("evcc", "mqtt", "topics", "commands", "requests", "extras", "discovery")
"""The sections of one site; all others are of the process."""
_SHORTEST_TOKEN = 8  # characters


class Section(BaseModel):
    """Options that belong together; they do not change while the bridge runs."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, validate_default=False)


class Server(Section):
    """Options of something that is reached at an address, with a login that may stand in it."""

    url: str
    user: kinds.Name = Field(default=None, description="may stand in the address")
    password: kinds.Password = Field(default=None, description="may stand in the address")

    _login = model_validator(mode="before")(without_login)

    @property
    def address(self) -> Address:
        """The address, taken apart."""
        return Address.of(self.url)

    @property
    def login(self) -> tuple[str, str] | None:
        """User and password, where there are any."""
        if self.user is None and self.password is None:
            return None
        return self.user or "", self.password.get_secret_value() if self.password else ""


class Evcc(Server):
    """Where evcc is, and how it is asked."""

    url: kinds.HttpUrl = Field(default="http://localhost:7070", description="evcc's address")
    api_key: kinds.Key = Field(
        default=None,
        description="a key made in evcc; sent where there is no user and password, and for `extras.vehicles`",
    )
    interval: kinds.Period = Field(default=10, description="how often evcc's state is read without push")
    push_interval: kinds.Period = Field(default=30, description="how often it is read all the same while push works")
    push: kinds.Push = Field(default="auto", description="whether evcc's own push (`/ws`) is used")
    timeout: kinds.Period = Field(default=5, description="how long an answer of evcc may take")
    grace: kinds.Grace = Field(
        default=None,
        description="how long values may be missing after a restart; by default (loadpoints + 2) x evcc's interval",
    )
    ca_file: kinds.Authority = Field(default=None, description="the certificate authority of an https address")
    verify: kinds.Switch = Field(default=True, description="whether the certificate is checked")


class Mqtt(Server):
    """Where the broker is, and what is published there."""

    url: kinds.BrokerUrl = Field(default="mqtt://localhost:1883", description="the broker's address")
    root: kinds.Root = Field(default="evcc", description="the topic that everything is below")
    qos: kinds.Qos = Field(default=1, description="quality of service of what is published")
    refresh: kinds.PeriodOrOff = Field(
        default=0, description="publish all state again, for clients that let values expire"
    )
    client_id: kinds.ClientId = Field(default=None, description="by default a stable one of host and root")
    keepalive: kinds.Keepalive = Field(default=10, description="a dead connection is noticed after twice this time")
    version: kinds.Version = Field(
        default="auto", description="MQTT version; auto is 5, or 3.1.1 where the broker does not support 5"
    )
    ca_file: kinds.Authority = Field(default=None, description="the certificate authority of the broker")
    cert_file: kinds.File = Field(default=None, description="a client certificate")
    key_file: kinds.File = Field(default=None, description="its key, if it is in a file of its own")
    verify: kinds.Switch = Field(default=True, description="whether the broker's certificate is checked")
    max_packet: kinds.Packet = Field(default=2**20, description="the largest message that is read")

    @model_validator(mode="after")
    def _certificate_can_be_used(self) -> Self:
        if self.key_file and not self.cert_file:
            raise ValueError("mqtt.key_file (MQTT_KEY_FILE) needs mqtt.cert_file (MQTT_CERT_FILE) beside it")
        try:
            if self.cert_file:
                kinds.check_chain(self.cert_file, self.key_file)
        except ValueError as error:
            raise ValueError(f"mqtt.cert_file and mqtt.key_file cannot be used: {error}") from None
        return self


class Topics(Section):
    """Which topics there are."""

    include: kinds.Globs = Field(
        default=(), description="topics below the root that are published though kept back or excluded"
    )
    exclude: kinds.Globs = Field(default=(), description="topics below the root that are not published")
    aliases: kinds.Switch = Field(default=True, description="publish the names of other evcc releases too")
    contract: kinds.Contract = Field(
        default="evcc", description="the release of evcc whose names, words and shapes topics have, whatever evcc runs"
    )
    jq: kinds.Expressions = Field(default={}, description="values of your own, computed by evcc, on `jq/<name>`")
    by_title: kinds.Switch = Field(
        default=False, description="publish loadpoints and vehicles below `by-title/<title>` too"
    )
    limit: kinds.Count = Field(default=20_000, description="the most topics below the root; one key of evcc has half")


class Commands(Section):
    """What may be set through `…/set`."""

    enabled: kinds.Switch = Field(default=True, description="false: nothing can be set")
    allow: kinds.Globs = Field(default=(), description="if given, only these topics can be set")
    deny: kinds.Globs = Field(
        default=(),
        description="these topics cannot be set, whichever name of a setting is used; name a loadpoint by its number",
    )
    dry_run: kinds.Switch = Field(default=False, description="check and answer commands, but do not call evcc")
    deadline: kinds.Period = Field(
        default=10, description="how long a command may take from its arrival, waiting included, before it has failed"
    )
    keep_battery_mode: kinds.Switch = Field(
        default=False, description="send `site/batteryMode` again before evcc lets it expire"
    )
    timezone: kinds.Zone = Field(default="", description="zone of times that name none; by default the system's")

    def zone(self) -> tzinfo:
        """The time zone of times that name none; ConfigError where the system's is unknown."""
        if self.timezone:
            return ZoneInfo(self.timezone)
        from tzlocal import get_localzone  # noqa: PLC0415  looks around in /etc, and is not always needed

        try:
            return get_localzone()
        except (LookupError, ValueError):
            raise ConfigError(
                "commands.timezone (COMMANDS_TIMEZONE): TZ names none like Europe/Berlin, so set this to one"
            ) from None


class Requests(Section):
    """What may be asked through `bridge/request/…`."""

    jq: kinds.JqRequests = Field(
        default="paths",
        description="jq that `bridge/request/state` takes; evcc computes without limit, so `any` lets a client stop it",
    )
    write: kinds.Switch = Field(
        default=False, description="whether `bridge/request/session` may change and delete charging sessions"
    )


class Extras(Section):
    """What there is beside the state."""

    tariffs: kinds.Switch = Field(default=True, description="publish prices below `tariffs/`")
    sessions: kinds.Switch = Field(default=True, description="publish charging sessions below `sessions`")
    plans: kinds.Switch = Field(default=True, description="publish `planDetails` of loadpoints with a plan")
    history: kinds.Switch = Field(default=True, description="publish today's energy below `history/today/`")
    vehicles: kinds.Every = Field(
        default=0,
        description="how often a vehicle that is not connected is asked for its charge, which may wake it; "
        "needs `evcc.api_key`",
    )


class Discovery(Section):
    """How other programs find what there is."""

    homeassistant: kinds.Switch = Field(default=True, description="announce everything to Home Assistant")
    prefix: kinds.Root = Field(default="homeassistant", description="Home Assistant's discovery topic")
    language: kinds.Language = Field(default="en", description="the language of names and labels, also in exports")


class Web(Section):
    """The page, its API and the metrics; off without `listen`."""

    listen: kinds.Listen = Field(default=None, description="where page and metrics are, such as `127.0.0.1:7071`")
    token: kinds.Password = Field(default=None, description="a password for the page, or a token for programs")
    allow: kinds.Networks = Field(
        default=(), description="who needs no token: a reverse proxy, or Home Assistant's ingress (`172.30.32.2`)"
    )
    hosts: kinds.Globs = Field(
        default=(), description="names of the page beside addresses and local names, where no token is asked for"
    )
    write: kinds.Switch = Field(default=False, description="whether the page may set anything")

    @model_validator(mode="after")
    def _is_protected(self) -> Self:
        if self.listen and not kinds.is_loopback(self.listen) and not self.token and not self.allow:
            raise ValueError(
                "web.listen (WEB_LISTEN) is open to the network, so it needs web.token (WEB_TOKEN), "
                "or web.allow (WEB_ALLOW) with the address of a reverse proxy"
            )
        if self.token and len(self.token.get_secret_value()) < _SHORTEST_TOKEN:
            raise ValueError(f"web.token (WEB_TOKEN) is too short: at least {_SHORTEST_TOKEN} characters")
        return self


class Log(Section):
    """What is logged, and how it looks."""

    level: kinds.Level = Field(default="info", description="the least important lines that are logged")
    format: kinds.Format = Field(
        default="auto", description="auto is text on a terminal and in systemd's journal, json elsewhere"
    )


class Fleet(Section):
    """Which of the sites this process runs, where several processes share them."""

    index: kinds.Index = Field(
        default=0, description="which of the processes this is; each site is run by the one that its name's hash gives"
    )
    count: kinds.Count = Field(default=1, description="how many processes share the sites")

    @model_validator(mode="after")
    def _is_one_of_them(self) -> Self:
        if self.index >= self.count:
            raise ValueError("fleet.index (FLEET_INDEX) must be less than fleet.count (FLEET_COUNT)")
        return self

    def runs(self, site: str) -> bool:
        """Whether a site is this process's: SHA-256 of its name, the first 8 bytes, modulo `count`."""
        return int.from_bytes(hashlib.sha256(site.encode()).digest()[:8], "big") % self.count == self.index


class Settings(Section):
    """All options. `load` reads them; made directly, no file and no environment is read."""

    evcc: Evcc = Evcc()
    mqtt: Mqtt = Mqtt()
    topics: Topics = Topics()
    commands: Commands = Commands()
    requests: Requests = Requests()
    extras: Extras = Extras()
    discovery: Discovery = Discovery()
    web: Web = Web()
    log: Log = Log()
    fleet: Fleet = Fleet()

    def of_site(self) -> Self:
        """The options without those of the process, which leave a site alone when they change."""
        return self.model_copy(update={"web": Web(), "log": Log(), "fleet": Fleet()})

    @model_validator(mode="after")
    def _vehicles_can_be_asked(self) -> Self:
        if self.extras.vehicles and not self.evcc.api_key:
            raise ValueError("extras.vehicles (EXTRAS_VEHICLES) needs evcc.api_key (EVCC_API_KEY)")
        return self

    def public(self) -> dict[str, Any]:
        """The options of the site that are in effect as JSON values, without secrets."""
        return {
            section: {option: value for option, value in options.items() if option not in SECRETS}
            for section, options in self.model_dump(mode="json", include={*SITE_TABLES}).items()
        }

    def secrets(self) -> frozenset[str]:
        """Every text that must not be seen anywhere: passwords and tokens, also as they look in an address."""
        return frozenset(form for secret in self._secrets() for form in (secret, quote(secret, safe="")))

    def _secrets(self) -> Iterator[str]:
        for secret in (self.evcc.password, self.evcc.api_key, self.mqtt.password, self.web.token):
            if secret:
                yield secret.get_secret_value()


def options() -> Mapping[str, tuple[str, str]]:
    """The section and the option of every name in the environment, such as `EVCC_PUSH_INTERVAL`."""
    return {
        f"{section}_{option}".upper(): (section, option)
        for section, field in Settings.model_fields.items()
        for option in fields(field)
    }


def fields(section: FieldInfo) -> Mapping[str, FieldInfo]:
    """The options of a section of `Settings`."""
    model = section.annotation
    return model.model_fields if isinstance(model, type) and issubclass(model, Section) else {}
