"""The parser of the command line."""

import argparse
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from bridge import __version__
from bridge.cli.parser import Parser

EXPORTS = ("openhab", "nodered", "homeassistant", "asyncapi")
ERAS = ("0.131.4", "0.313.2")
SHELLS = ("bash", "zsh", "fish")
_WORDS = frozenset({
    *("run", "check", "status", "watch", "set", "topics", "export", "demo", "completion"),
    *(*EXPORTS, *ERAS, *SHELLS),
})  # fmt: skip
_EPILOG = (
    "All options may also stand in a TOML file (--config, or the variable CONFIG) and in the environment, such as "
    "EVCC_URL and MQTT_URL. status, watch and set need only the broker. "
    "The exit code is 0, 1 for a failure, 2 for a wrong configuration."
)

_EXAMPLE = "takes SECTION.OPTION=VALUE, such as evcc.interval=5"


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line; `command` is `run` where it names none. A wrong one ends the process with exit code 2."""
    arguments = parser().parse_args(argv)
    arguments.command = arguments.command or "run"
    return arguments


def parser() -> argparse.ArgumentParser:
    """Make the parser."""
    common, one_site = _common(), _one_site()
    whole = _Parser(
        prog="evcc-bridge",
        description="evcc's REST API as a live MQTT tree, and every setting as a command that gets an answer.",
        epilog=_EPILOG,
        parents=[common],
    )
    whole.add_argument("--version", action="version", version=f"evcc-bridge {__version__}")
    commands = whole.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    commands.add_parser("run", parents=[common], help="bridge evcc and the broker (the default)")

    check = commands.add_parser(
        "check", parents=[common, one_site], help="check whether evcc and the broker can be used"
    )
    kind = check.add_mutually_exclusive_group()
    kind.add_argument(
        "--quick", action="store_true", help="only check whether the running bridge works, for health checks"
    )
    kind.add_argument("--find", action="store_true", help="look for evcc in this network, and print its address")

    commands.add_parser("status", parents=[common, one_site], help="how a running bridge is, in five lines")

    watch = commands.add_parser("watch", parents=[common, one_site], help="print values as they change")
    watch.add_argument("pattern", nargs="?", metavar="PATTERN", help="topics, such as 'loadpoints/1' or '*/soc'")
    watch.add_argument("--commands", action="store_true", help="print commands and their answers instead")

    setting = commands.add_parser("set", parents=[common, one_site], help="set a setting, and print the answer")
    setting.add_argument("topic", metavar="TOPIC", help="what to set, such as loadpoints/1/mode")
    setting.add_argument("value", metavar="VALUE", help="the new value; - clears it")

    topics = commands.add_parser(
        "topics", parents=[common, one_site], help="print the topics that would be published now"
    )
    topics.add_argument("--json", action="store_true", help="as one JSON object")
    topics.add_argument("--settable", action="store_true", help="print the topics that can be set instead")

    demo = commands.add_parser("demo", parents=[common], help="show everything with a simulated evcc and a broker")
    demo.add_argument("--era", default=ERAS[-1], choices=ERAS, help="the evcc to simulate")
    demo.add_argument("--verbose", action="store_true", help="print every topic, not only what changes")

    export = commands.add_parser("export", parents=[common, one_site], help="write files for another program")
    export.add_argument("target", choices=EXPORTS)
    export.add_argument("--out", type=Path, metavar="PATH", help="a directory to write to, instead of printing")
    export.add_argument(
        "--broker", type=_broker, metavar="URL", help="the broker's address as the other program reaches it"
    )
    export.add_argument("--parent", type=_item, metavar="ITEM", help="openHAB: a group of all devices")
    export.add_argument("--location", type=_item, metavar="ITEM", help="openHAB: where all devices are")
    export.add_argument(
        "--semantics", default=4, type=int, choices=(4, 5), help="openHAB: the release whose tags are used (4)"
    )

    completion = commands.add_parser("completion", parents=[common], help="print the completion of a shell")
    completion.add_argument("shell", choices=SHELLS)
    return whole


def overrides(arguments: argparse.Namespace) -> Mapping[str, str]:
    """The options of the configuration that the command line sets, by name (`mqtt.root`)."""
    return {name: text for name, text in vars(arguments).items() if "." in name}


class _Parser(Parser):
    """The parser of this command line."""

    words = _WORDS
    own = (_EXAMPLE,)


def _common() -> _Parser:
    """Options that may stand before the command and after it; without a default, so that none undoes the other."""
    common = _Parser(add_help=False, argument_default=argparse.SUPPRESS)
    common.add_argument("--config", type=_name, metavar="FILE", help="the TOML file with the options")
    common.add_argument("--evcc-url", dest="evcc.url", metavar="URL", help="evcc's address")
    common.add_argument("--mqtt-url", dest="mqtt.url", metavar="URL", help="the broker's address")
    common.add_argument("--root", dest="mqtt.root", metavar="TOPIC", help="the topic that everything is below")
    common.add_argument("--set", action=_Assign, metavar="SECTION.OPTION=VALUE", help="any option, as often as needed")
    return common


def _one_site() -> _Parser:
    """The option of commands that look at one site, or at each."""
    one_site = _Parser(add_help=False)
    one_site.add_argument("--site", metavar="NAME", help="which of several sites")
    return one_site


def _name(text: str) -> str:
    if not text:
        raise argparse.ArgumentTypeError("names no file")
    return text


def _broker(text: str) -> str:
    from bridge.settings.urls import BROKERS, checked  # takes a moment to import

    try:
        return checked(text, BROKERS)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _item(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", text):
        raise argparse.ArgumentTypeError("is no name of an item: letters, digits and _ are allowed")
    return text


class _Assign(argparse.Action):
    """`--set mqtt.root=home` is `--root home`."""

    def __call__(self, _: object, namespace: argparse.Namespace, text: object, __: str | None = None) -> None:
        name, found, value = str(text).partition("=")
        if not found or "." not in name:
            raise argparse.ArgumentError(self, _EXAMPLE)
        setattr(namespace, name.strip(), value)
