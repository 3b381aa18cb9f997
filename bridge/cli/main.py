"""Runs one command of the command line: from its arguments to its exit code."""

import os
import sys
from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence
from io import TextIOWrapper
from typing import TYPE_CHECKING

from bridge.cli.arguments import overrides, parse
from bridge.errors import BridgeError, ConfigError
from bridge.util.redact import sanitize

if TYPE_CHECKING:
    from bridge.settings import Configuration, Settings

WRONG_CONFIGURATION = 2
INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit code is 0, 1 for a failure, 2 for a wrong configuration."""
    _open_output()
    arguments = parse(argv)
    try:
        code = run(arguments)
        sys.stdout.flush()
    except (BridgeError, BaseExceptionGroup) as error:
        return _report(error)
    except KeyboardInterrupt:
        return INTERRUPTED
    except OSError as error:
        return _report_output(error)
    return code


def run(arguments: Namespace) -> int:
    """Run the command that the arguments name; it imports what it needs."""
    return _COMMANDS[arguments.command](arguments)


def _run(arguments: Namespace) -> int:
    from bridge import daemon

    return daemon.run(overrides(arguments), _environment(arguments))


def _check(arguments: Namespace) -> int:
    from bridge.cli import check
    from bridge.settings.sources import describe

    if arguments.find:
        from bridge.cli import find

        return find.run(_configuration(arguments).settings.evcc, find.usual_addresses())
    read = describe(overrides(arguments), _environment(arguments))
    return check.run(_configuration(arguments), arguments.site, quick=arguments.quick, read=read)


def _status(arguments: Namespace) -> int:
    from bridge.cli import status

    return status.run(_settings(arguments))


def _watch(arguments: Namespace) -> int:
    from bridge.cli import watch

    return watch.run(_settings(arguments), arguments.pattern, commands=arguments.commands)


def _set(arguments: Namespace) -> int:
    from bridge.cli import set as command

    return command.run(_settings(arguments), arguments.topic, arguments.value)


def _topics(arguments: Namespace) -> int:
    from bridge.cli import topics

    return topics.run(_settings(arguments), as_json=arguments.json, settable=arguments.settable)


def _export(arguments: Namespace) -> int:
    from bridge.cli import export
    from bridge.export.options import Options

    broker, parent, location = arguments.broker or "", arguments.parent or "", arguments.location or ""
    options = Options(broker, parent, location, arguments.semantics)
    return export.run(_settings(arguments), arguments.target, arguments.out, options)


def _demo(arguments: Namespace) -> int:
    from bridge.cli import demo

    settings, options = _configuration(arguments).only(), overrides(arguments)
    return demo.run(settings, arguments.era, options, _environment(arguments), verbose=arguments.verbose)


def _completion(arguments: Namespace) -> int:
    from bridge.cli import completion

    sys.stdout.write(completion.script(arguments.shell))
    return 0


_COMMANDS = {
    "run": _run,
    "check": _check,
    "status": _status,
    "watch": _watch,
    "set": _set,
    "topics": _topics,
    "export": _export,
    "demo": _demo,
    "completion": _completion,
}


def _environment(arguments: Namespace) -> Mapping[str, str]:
    return os.environ | ({"CONFIG": arguments.config} if "config" in arguments else {})


def _settings(arguments: Namespace) -> "Settings":
    """The options of the site that `--site` names, or of the only one; ConfigError where there is none of that name."""
    return _configuration(arguments).site(getattr(arguments, "site", None))


def _configuration(arguments: Namespace) -> "Configuration":
    """Read the configuration and set up the log by it."""
    from bridge.settings import configuration
    from bridge.util import logging

    hints: list[str] = []
    found = configuration(overrides(arguments), _environment(arguments), hints=hints)
    logging.configure(found.settings.log.level, found.settings.log.format, found.secrets())
    for hint in hints:
        print(f"evcc-bridge: {hint}", file=sys.stderr)
    return found


def _open_output() -> None:
    """Make standard output and error UTF-8 whatever the locale; where one is closed, it becomes the null device.

    Else the first file or connection that is opened would get its descriptor, and with it what is printed.
    """
    for descriptor, name in ((1, "stdout"), (2, "stderr")):
        stream = getattr(sys, name)
        if stream is None:
            null = os.open(os.devnull, os.O_WRONLY)
            if null != descriptor:
                os.dup2(null, descriptor)
            setattr(sys, name, os.fdopen(descriptor, "w"))
        elif isinstance(stream, TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")


def _report_output(error: BaseException) -> int:
    """Report that standard output could not be written, and drop what is left of it."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if isinstance(error, BrokenPipeError):  # `evcc-bridge topics | head`
        return 0
    print(f"evcc-bridge: {error}", file=sys.stderr)
    return 1


def _report(error: BaseException) -> int:
    """Print errors of ours, a group's one by one; an error that is none of ours is raised again."""
    group = error if isinstance(error, BaseExceptionGroup) else BaseExceptionGroup("", [error])
    ours, others = group.split(BridgeError)
    failures = [*_leaves(others)] if others is not None else []
    if failures and all(isinstance(each, OSError) for each in failures):  # of several tasks that print
        return _report_output(failures[0])
    if others is not None or ours is None:
        raise error
    errors = [*_leaves(ours)]
    for each in errors:
        print(each if isinstance(each, ConfigError) else f"evcc-bridge: {sanitize(str(each))}", file=sys.stderr)
    return WRONG_CONFIGURATION if any(isinstance(each, ConfigError) for each in errors) else 1


def _leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for each in group.exceptions:
        yield from _leaves(each) if isinstance(each, BaseExceptionGroup) else (each,)
