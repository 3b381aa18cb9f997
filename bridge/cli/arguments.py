"""What the command line takes."""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

from bridge import __version__

EXPORTS = ("openhab", "nodered", "homeassistant")
ERAS = ("0.131.4", "0.313.2")


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line; `command` is `run` where it names none. Wrong ones end with exit code 2."""
    arguments = parser().parse_args(argv)
    arguments.command = arguments.command or "run"
    return arguments


def parser() -> argparse.ArgumentParser:
    """The parser of the command line."""
    common = _common()
    whole = argparse.ArgumentParser(
        prog="evcc-bridge",
        description="evcc's REST API as a live MQTT tree, and every setting as a command that gets an answer.",
        parents=[common],
    )
    whole.add_argument("--version", action="version", version=f"evcc-bridge {__version__}")
    commands = whole.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    commands.add_parser("run", parents=[common], help="bridge evcc and the broker (the default)")

    check = commands.add_parser("check", parents=[common], help="look whether evcc and the broker are as they must be")
    check.add_argument("--quick", action="store_true", help="only whether a running bridge is well, for health checks")

    topics = commands.add_parser("topics", parents=[common], help="print the topics that would be published now")
    topics.add_argument("--json", action="store_true", help="as one JSON object")
    topics.add_argument("--settable", action="store_true", help="print the topics that can be set instead")

    demo = commands.add_parser("demo", parents=[common], help="show everything with a simulated evcc and a broker")
    demo.add_argument("--era", default=ERAS[-1], choices=ERAS, help="the evcc to simulate")

    export = commands.add_parser("export", parents=[common], help="write files for another program")
    export.add_argument("target", choices=EXPORTS)
    export.add_argument("--out", type=Path, metavar="PATH", help="a directory to write to, instead of printing")
    return whole


def overrides(arguments: argparse.Namespace) -> Mapping[str, str]:
    """The options of the configuration that the command line sets, by their names, which all have a dot."""
    return {name: text for name, text in vars(arguments).items() if "." in name}


def _common() -> argparse.ArgumentParser:
    """Options that may stand before the command and after it; without a default, so that none undoes the other."""
    common = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    common.add_argument("--config", type=_name, metavar="FILE", help="the TOML file with the options")
    common.add_argument("--evcc-url", dest="evcc.url", metavar="URL", help="evcc's address")
    common.add_argument("--mqtt-url", dest="mqtt.url", metavar="URL", help="the broker's address")
    common.add_argument("--root", dest="mqtt.root", metavar="TOPIC", help="the topic that everything is below")
    common.add_argument("--set", action=_Assign, metavar="SECTION.OPTION=VALUE", help="any option, as often as needed")
    return common


def _name(text: str) -> str:
    if not text:
        raise argparse.ArgumentTypeError("names no file")
    return text


class _Assign(argparse.Action):
    """`--set mqtt.root=home` is `--root home`."""

    def __call__(self, _: object, namespace: argparse.Namespace, text: object, __: str | None = None) -> None:
        name, found, value = str(text).partition("=")
        if not found or "." not in name:
            raise argparse.ArgumentError(self, "takes SECTION.OPTION=VALUE, such as evcc.interval=5")
        setattr(namespace, name.strip(), value)
