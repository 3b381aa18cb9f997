"""Starts the bridge as an add-on: options from Home Assistant, broker and evcc from its Supervisor, then `evcc-bridge`.

start.py OPTIONS SUPERVISOR SECONDS USER: the file with the options, the Supervisor's address, for how many seconds
broker and evcc are looked for, and the number of the user to become.
"""

import http.client
import json
import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

TIMEOUT = 10.0
"""Seconds that the Supervisor has for an answer."""
PAUSE = 5.0
"""Seconds until broker or evcc are looked for again."""
SEARCH = 60.0
"""Seconds that `check --find` has."""
LONGEST = 1_000_000
"""The longest answer of the Supervisor that is read, in bytes."""
OPTIONS = {
    "evcc_url": "EVCC_URL",
    "evcc_user": "EVCC_USER",
    "evcc_password": "EVCC_PASSWORD",
    "evcc_api_key": "EVCC_API_KEY",
    "mqtt_url": "MQTT_URL",
    "mqtt_user": "MQTT_USER",
    "mqtt_password": "MQTT_PASSWORD",
    "topic_root": "MQTT_ROOT",
    "discovery": "DISCOVERY_HOMEASSISTANT",
    "language": "DISCOVERY_LANGUAGE",
    "log_level": "LOG_LEVEL",
    "page_write": "WEB_WRITE",
}
"""The options of config.yaml, and the bridge's variables for them."""
DEFAULTS = {
    "WEB_LISTEN": "0.0.0.0:8099",  # ingress_port of config.yaml
    "WEB_ALLOW": '["172.30.32.2"]',  # the Supervisor, which lets only users of Home Assistant through
    "WEB_HOSTS": '["*"]',  # it passes on the name by which Home Assistant was opened
    "LOG_FORMAT": "text",
}
EVCC_ADDONS = ("49686a9f_evcc", "49686a9f_evcc-nightly", "local_evcc")
"""evcc's add-ons; the number is the beginning of the SHA-1 of their repository's address.

The Supervisor lists all add-ons only for those with more rights (`hassio_role: manager`).
"""
EVCC_PORT = 7070
TOKENS = ("SUPERVISOR_TOKEN", "HASSIO_TOKEN")
NO_BROKER = "no broker: install and start the add-on Mosquitto broker, or set mqtt_url, mqtt_user and mqtt_password"
NO_EVCC = "evcc was not found: start it, or set evcc_url to its address, such as http://192.168.1.20:7070"


class Failure(Exception):
    """Something that the bridge cannot start without; its text is for the user, and holds no secret."""


class Absent(Failure):
    """The Supervisor has no such thing."""


class Supervisor:
    """The Supervisor's REST API."""

    def __init__(self, url: str, token: str) -> None:
        self._url, self._token = url, token
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def get(self, path: str) -> dict[str, Any]:
        """The `data` of an answer; Failure where there is none."""
        request = urllib.request.Request(f"{self._url}{path}", headers={"Authorization": f"Bearer {self._token}"})
        try:
            with self._opener.open(request, timeout=TIMEOUT) as reply:
                answer = json.loads(reply.read(LONGEST))
        except urllib.error.HTTPError as error:
            error.close()
            kind = Absent if error.code in {400, 404} else Failure
            raise kind(f"the Supervisor answers HTTP {error.code} to {path}") from None
        except (OSError, http.client.HTTPException) as error:
            raise Failure(f"the Supervisor cannot be reached: {type(error).__name__}") from None
        except (ValueError, RecursionError):
            raise Failure(f"the Supervisor's answer to {path} is no JSON") from None
        data = answer.get("data") if isinstance(answer, dict) else None
        if not isinstance(data, dict):
            raise Failure(f"the Supervisor's answer to {path} has no data")
        return data


def main(arguments: list[str]) -> int:
    """Start the bridge in the place of this process; the exit code is 1 where that cannot be."""
    options, supervisor, seconds, user = arguments
    try:
        given = variables(read(Path(options)))
        become(int(user))
        inherited = {name: value for name, value in os.environ.items() if name not in TOKENS}
        found = completed(given, Supervisor(supervisor, token()), inherited, float(seconds))
        os.execvpe("evcc-bridge", ["evcc-bridge", "run"], inherited | DEFAULTS | found)
    except Failure as failure:
        say(str(failure))
    except OSError as error:
        say(f"evcc-bridge cannot be started: {error}")
    return 1


def read(file: Path) -> dict[str, Any]:
    """The options that the user has set."""
    try:
        options = json.loads(file.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise Failure(f"the options cannot be read from {file}: {type(error).__name__}") from None
    if not isinstance(options, dict):
        raise Failure(f"the options in {file} are no object")
    return options


def variables(options: Mapping[str, Any]) -> dict[str, str]:
    """The bridge's variables for the options; those of the list `environment` win. Empty ones are as not set."""
    found = {OPTIONS[name]: text(value) for name, value in options.items() if name in OPTIONS} | others(options)
    for name, value in found.items():
        if "\0" in value or not is_unicode(value):
            raise Failure(f"the value for {name} has a character in it that no variable can have")
    return {name: value for name, value in found.items() if value}


def others(options: Mapping[str, Any]) -> dict[str, str]:
    """The variables of the list `environment`."""
    listed, found = options.get("environment") or [], {}
    for each in listed if isinstance(listed, list) else [listed]:
        name = each.get("name") if isinstance(each, dict) else None
        if not isinstance(name, str) or not re.fullmatch("[A-Z][A-Z0-9_]*", name):
            raise Failure("each of the other options needs a name such as MQTT_REFRESH, and a value")
        found[name] = text(each.get("value"))
    return found


def text(value: Any) -> str:
    """A value as the bridge reads it."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value)


def is_unicode(value: str) -> bool:
    """Whether a text has no half of a surrogate pair, which JSON may have."""
    return not re.search("[\ud800-\udfff]", value)


def become(user: int) -> None:
    """Give up root, which only reads the options."""
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(user)
        os.setuid(user)


def token() -> str:
    """The token for the Supervisor."""
    for name in TOKENS:
        if found := os.environ.get(name):
            return found
    raise Failure(f"there is no {TOKENS[0]}: only Home Assistant's Supervisor can start this")


def completed(
    given: Mapping[str, str], supervisor: Supervisor, environment: Mapping[str, str], seconds: float
) -> dict[str, str]:
    """What was given, with broker and evcc where they are not in it; they may start later than this add-on."""
    found, shown, until = dict(given), "", time.monotonic() + seconds
    while True:
        try:
            if "MQTT_URL" not in found:
                found |= broker(supervisor)
            if "EVCC_URL" not in found:
                found |= evcc(supervisor, environment)
        except Failure as failure:
            if time.monotonic() >= until:
                raise
            if str(failure) != shown:
                shown = str(failure)
                say(f"waiting: {shown}")
            time.sleep(PAUSE)
        else:
            return found


def broker(supervisor: Supervisor) -> dict[str, str]:
    """The broker that Home Assistant has, with its login."""
    try:
        service = supervisor.get("/services/mqtt")
    except Absent as absent:
        raise Failure(f"{NO_BROKER} ({absent})") from None
    host, port = service.get("host"), service.get("port")
    if not is_host(host) or not is_port(port):
        raise Failure("the Supervisor's answer to /services/mqtt names no broker")
    url = f"{'mqtts' if service.get('ssl') is True else 'mqtt'}://{host}:{port}"
    say(f"broker of Home Assistant: {url}")
    found = {"MQTT_URL": url, "MQTT_USER": service.get("username"), "MQTT_PASSWORD": service.get("password")}
    return variables({"environment": [{"name": name, "value": value} for name, value in found.items()]})


def evcc(supervisor: Supervisor, environment: Mapping[str, str]) -> dict[str, str]:
    """evcc's add-on, if it is started; else what `evcc-bridge check --find` finds."""
    trouble = ""
    for slug in EVCC_ADDONS:
        try:
            addon = supervisor.get(f"/addons/{slug}/info")
        except Absent:
            continue
        except Failure as failure:
            trouble = f" ({failure})"
            continue
        host, port = addon.get("hostname"), addon.get("ingress_port")
        if addon.get("state") == "started" and is_host(host):
            url = f"http://{host}:{port if is_port(port) else EVCC_PORT}"
            say(f"add-on of evcc: {url}")
            return {"EVCC_URL": url}
    if url := search(environment):
        say(f"evcc was found at {url}")
        return {"EVCC_URL": url}
    raise Failure(NO_EVCC + trouble)


def search(environment: Mapping[str, str]) -> str:
    """evcc's address in this network, as the bridge itself finds it; empty where it does not."""
    command = ["evcc-bridge", "check", "--find"]
    try:
        output = subprocess.run(command, env=environment, capture_output=True, timeout=SEARCH, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return ""
    found = re.search(r"^EVCC_URL=(\S+)$", output.decode(errors="replace"), re.MULTILINE)
    return found[1] if found else ""


def is_host(value: Any) -> bool:
    """Whether a value is a name or an address of IPv4."""
    return isinstance(value, str) and re.fullmatch(r"[\w.-]+", value, re.ASCII) is not None


def is_port(value: Any) -> bool:
    """Whether a value is the number of a TCP port."""
    return type(value) is int and 0 < value < 65536


def say(line: str) -> None:
    """Add a line to the add-on's log."""
    print(f"add-on: {line}", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
