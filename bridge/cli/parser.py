"""A parser of command lines whose messages show no secrets."""

import argparse
import re
import sys
from collections.abc import Collection, Iterator, Sequence
from difflib import get_close_matches
from typing import Any, NoReturn

from bridge.util.redact import HIDDEN

_CHOICE = re.compile(r"argument .*?: invalid choice: '(?P<word>.*)' \(choose from (?P<choices>.*)\)", re.DOTALL)
_WORD = re.compile(r"[a-z]{1,20}")
_NEAR = 0.75


class Parser(argparse.ArgumentParser):
    """Reports what is wrong with a command line without the values on it: each may be a mistyped password.

    A word in the place of a command is shown where it looks like one: it is near a command, or begins the line and has
    only lower-case letters.
    """

    words: Collection[str] = ()
    """Words that are no secrets."""
    own: tuple[str, ...] = ()
    """Messages of our own, which quote nothing of the command line."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse, and remember the arguments for `error`."""
        self._given: list[str] = sys.argv[1:] if args is None else list(args)
        return super().parse_known_args(self._given, namespace)

    def error(self, message: str) -> NoReturn:
        """Print the usage and the message, and exit with code 2."""
        found = _CHOICE.fullmatch(message)
        choices = re.findall(r"[\w.-]+", found["choices"]) if found else []
        if found and self._is_shown(found["word"], choices):
            message = _unknown(found["word"], choices)
        elif not message.endswith(self.own or ("\0",)):
            message = self._masked(message)
        super().error(message)

    def _is_shown(self, word: str, choices: Sequence[str]) -> bool:
        is_first = self._given[:1] == [word] and _WORD.fullmatch(word) is not None
        return is_first or bool(get_close_matches(word, choices, n=1, cutoff=_NEAR))

    def _masked(self, message: str) -> str:
        values = (value for value in _values(self._given) if value not in self.words)
        forms = {form for value in values for form in (value, repr(value)[1:-1])}
        longest_first = sorted(map(re.escape, forms), key=len, reverse=True)
        return re.sub(rf"(?<!\w)(?:{'|'.join(longest_first)})(?!\w)", HIDDEN, message) if forms else message


def _unknown(word: str, choices: Sequence[str]) -> str:
    near = get_close_matches(word, choices, n=1, cutoff=0.5)
    meant = f"; did you mean {near[0]}?" if near else ""
    return f"there is no {word}{meant} (choose from {', '.join(choices)})"


def _values(arguments: Sequence[str]) -> Iterator[str]:
    """What may be a secret: everything but names of options."""
    for argument in arguments:
        value = argument.partition("=")[2] if argument.startswith("--") else argument
        if value:
            yield value
