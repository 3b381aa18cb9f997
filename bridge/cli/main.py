"""One command of the command line, from its arguments to its exit code."""

import os
import sys
from argparse import Namespace
from collections.abc import Callable, Iterator, Mapping, Sequence
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING

from bridge.cli.arguments import overrides, parse
from bridge.errors import BridgeError, ConfigError

if TYPE_CHECKING:
    from bridge.settings import Settings

Load = Callable[[], "Settings"]

WRONG_CONFIGURATION = 2
INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit code is 0, 1 for a failure, 2 for a wrong configuration."""
    _open_output()
    arguments = parse(argv)
    try:
        code = COMMANDS[arguments.command](arguments, lambda: _load(arguments))
        sys.stdout.flush()
    except (BridgeError, BaseExceptionGroup) as error:
        return _told(error)
    except KeyboardInterrupt:
        return INTERRUPTED
    except OSError as error:
        return _unwritten(error)
    return code


def _open_output() -> None:
    """Make standard output UTF-8 whatever the locale, as files are; where it is closed, nobody reads it."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name) or Path(os.devnull).open("w")  # noqa: SIM115 - as long as the program
        setattr(sys, name, stream)
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(encoding="utf-8")


def _unwritten(error: OSError) -> int:
    """Tell that standard output could not be written, and drop what is left of it."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if isinstance(error, BrokenPipeError):  # `evcc-bridge topics | head`
        return 0
    print(f"evcc-bridge: {error}", file=sys.stderr)
    return 1


def _told(error: BaseException) -> int:
    """Tell the user what is his to mend; what several tasks raised comes as a group. Anything else is raised again."""
    group = error if isinstance(error, BaseExceptionGroup) else BaseExceptionGroup("", [error])
    ours, others = group.split(BridgeError)
    if others is not None or ours is None:
        raise error
    errors = [*_leaves(ours)]
    for each in errors:
        print(each if isinstance(each, ConfigError) else f"evcc-bridge: {each}", file=sys.stderr)
    return WRONG_CONFIGURATION if any(isinstance(each, ConfigError) for each in errors) else 1


def _leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for each in group.exceptions:
        yield from _leaves(each) if isinstance(each, BaseExceptionGroup) else (each,)


def _run(_: Namespace, load: Load) -> int:
    from bridge import daemon

    return daemon.run(load)


def _check(arguments: Namespace, load: Load) -> int:
    from bridge.cli import check

    return check.run(load(), quick=arguments.quick)


def _topics(arguments: Namespace, load: Load) -> int:
    from bridge.cli import topics

    return topics.run(load(), as_json=arguments.json, settable=arguments.settable)


def _demo(arguments: Namespace, load: Load) -> int:
    from bridge.cli import demo

    return demo.run(arguments, load)


def _export(arguments: Namespace, load: Load) -> int:
    from bridge.cli import export

    return export.run(load(), arguments.target, arguments.out)


COMMANDS: Mapping[str, Callable[[Namespace, Load], int]] = {
    "run": _run,
    "check": _check,
    "topics": _topics,
    "demo": _demo,
    "export": _export,
}


def _load(arguments: Namespace) -> "Settings":
    """Read the configuration and set up the log by it; on SIGHUP again."""
    import structlog

    from bridge.settings import load
    from bridge.util import logging

    hints: list[str] = []
    env = os.environ | ({"CONFIG": arguments.config} if "config" in arguments else {})
    settings = load(overrides(arguments), env, warn=hints.append)
    logging.configure(settings.log.level, settings.log.format, settings.secrets())
    for hint in hints:
        structlog.get_logger().warning(hint)
    return settings
