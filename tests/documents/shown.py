"""The commands that the documents show: in blocks of a shell, and within the text."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCUMENTS = (
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "mosquitto/README.md")),
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "packaging").rglob("*.md")),
)
SHELLS = ("console", "sh", "bash", "shell")
_BLOCK = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
_PLACEHOLDER = re.compile(r"…|<\w+>|\[|\b[A-Z]{4,}\b(?!_|=)")
_ASSIGNMENT = re.compile(r"[A-Z_]+=")


@dataclass(frozen=True, slots=True)
class Command:
    """One command: where it stands, its text, and the output that is shown below it."""

    document: str
    text: str
    output: tuple[str, ...] = ()

    @property
    def words(self) -> list[str]:
        """What the shell would make of it, without comment and `&`."""
        return [word for word in shlex.split(self.text, comments=True) if word != "&"]

    @property
    def assigned(self) -> list[str]:
        """The environment variables that are set in front of it."""
        words = self.words
        count = next((n for n, word in enumerate(words) if not _ASSIGNMENT.match(word)), len(words))
        return [word.partition("=")[0] for word in words[:count]]

    @property
    def arguments(self) -> list[str]:
        """The program and its arguments, without `sudo`."""
        words = self.words[len(self.assigned) :]
        return words[1:] if words[:1] == ["sudo"] else words

    @property
    def program(self) -> str:
        return self.arguments[0]

    @property
    def is_general(self) -> bool:
        """Whether words stand for others, such as TOPIC."""
        return _PLACEHOLDER.search(self.text) is not None


def blocks(path: Path) -> Iterator[list[Command]]:
    """The blocks of a document that show commands."""
    document = str(path.relative_to(ROOT))
    for language, body in _BLOCK.findall(path.read_text()):
        lines = [line.strip() for line in body.replace("\\\n", " ").splitlines()]
        if language == "console":
            yield list(_session(document, lines))
        elif language in SHELLS:
            yield [Command(document, line) for line in lines if line and not line.startswith("#")]
        else:
            assert not any(line.startswith("$ ") for line in lines), f"{document}: a session that is no console"


def spans(path: Path, programs: frozenset[str]) -> Iterator[Command]:
    """The commands within the text of a document: what begins with one of these programs and has arguments."""
    text = _BLOCK.sub("", path.read_text())
    for span in _SPAN.findall(text):
        try:
            command = Command(str(path.relative_to(ROOT)), span)
            words = command.arguments
        except ValueError:  # an apostrophe
            continue
        if words and words[0] in programs and (len(words) > 1 or "/" in words[0]):
            yield command


def indented(path: Path) -> list[str]:
    """Lines of blocks that are only indented: whether such a block is a command is not to be seen."""
    text = _BLOCK.sub("", path.read_text())
    return re.findall(r"^\n {4,}(\S.*)$", text, re.MULTILINE)


def _session(document: str, lines: list[str]) -> Iterator[Command]:
    starts = [number for number, line in enumerate(lines) if line.startswith("$ ")]
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        yield Command(document, lines[start].removeprefix("$ "), tuple(filter(None, lines[start + 1 : end])))
