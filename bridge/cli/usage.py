"""The commands and options of the parser as a table, for completion and manual page."""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass

from bridge.cli.arguments import parser


@dataclass(frozen=True, slots=True)
class Argument:
    """An option with its `flags`, or a positional argument without; `metavar` is empty for what takes no value."""

    flags: tuple[str, ...]
    metavar: str
    help: str
    choices: tuple[str, ...]

    @property
    def is_path(self) -> bool:
        """Whether the value is a file or a directory."""
        return self.metavar in {"FILE", "PATH"}


@dataclass(frozen=True, slots=True)
class Command:
    """A command with the options that it has beside the common ones."""

    name: str
    help: str
    arguments: tuple[Argument, ...]


@dataclass(frozen=True, slots=True)
class Usage:
    """Everything that the command line takes."""

    description: str
    epilog: str
    options: tuple[Argument, ...]
    commands: tuple[Command, ...]


def usage() -> Usage:
    """The table, from the parser itself."""
    whole = parser()
    options = tuple(_arguments(whole))
    commands = tuple(
        Command(name, found[0], tuple(each for each in _arguments(found[1]) if each not in options))
        for name, found in _commands(whole).items()
    )
    return Usage(whole.description or "", whole.epilog or "", options, commands)


def _actions(of: argparse.ArgumentParser) -> list[argparse.Action]:
    return of._actions  # noqa: SLF001 - argparse has no other way to list them


def _arguments(of: argparse.ArgumentParser) -> Iterator[Argument]:
    for action in _actions(of):
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 - as above
            continue
        choices = tuple(map(str, action.choices or ()))
        takes = "" if action.nargs == 0 else str(action.metavar or f"{{{','.join(choices)}}}")
        yield Argument(tuple(action.option_strings), takes, _text(action), choices)


def _commands(of: argparse.ArgumentParser) -> dict[str, tuple[str, argparse.ArgumentParser]]:
    for action in _actions(of):
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 - as above
            helps = {choice.dest: choice.help or "" for choice in action._choices_actions}  # noqa: SLF001
            return {name: (helps[name], each) for name, each in action.choices.items()}
    return {}


def _text(action: argparse.Action) -> str:
    return (action.help or "").replace("%(prog)s", "evcc-bridge").replace("program's version number", "the version")
