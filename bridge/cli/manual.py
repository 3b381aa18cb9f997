"""The manual page evcc-bridge(1), from the text of `evcc-bridge --help`."""

from collections.abc import Iterator

from bridge import __version__
from bridge.cli.usage import Argument, Usage, usage


def manual() -> str:
    """The page in man(7)'s language."""
    return "\n".join(_lines(usage())) + "\n"


def _lines(table: Usage) -> Iterator[str]:
    yield '.\\" made by scripts/readme from the text of evcc-bridge --help'
    yield f'.TH EVCC\\-BRIDGE 1 "" "evcc\\-bridge {__version__}"'
    yield from (".SH NAME", f"evcc\\-bridge \\- {_roff(table.description.rstrip('.'))}")
    yield from (".SH SYNOPSIS", ".B evcc\\-bridge", "[\\fIOPTION\\fR]... [\\fICOMMAND\\fR] [\\fIARGUMENT\\fR]...")
    yield ".SH COMMANDS"
    for command in table.commands:
        positional = " ".join(f"\\fI{_roff(each.metavar)}\\fR" for each in command.arguments if not each.flags)
        yield from (".TP", f"\\fB{command.name}\\fR {positional}".rstrip(), f"{_sentence(command.help)}")
        arguments = [each for each in command.arguments if each.help]
        if arguments:
            yield ".RS"
            for each in arguments:
                yield from _argument(each)
            yield ".RE"
    yield ".SH OPTIONS"
    for each in table.options:
        yield from _argument(each)
    yield from (".SH NOTES", _roff(table.epilog))


def _argument(argument: Argument) -> Iterator[str]:
    names = ", ".join(f"\\fB{_roff(flag)}\\fR" for flag in argument.flags)
    yield ".TP"
    yield " ".join(part for part in (names, f"\\fI{_roff(argument.metavar)}\\fR" if argument.metavar else "") if part)
    yield _sentence(argument.help)


def _sentence(text: str) -> str:
    return _roff(f"{text[:1].upper()}{text[1:]}.") if text[:4] != "evcc" else _roff(f"{text}.")


def _roff(text: str) -> str:
    escaped = text.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{escaped}" if escaped.startswith((".", "'")) else escaped
