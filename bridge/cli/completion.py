"""`evcc-bridge completion`: what bash, zsh and fish need to complete commands, options and their values."""

from collections.abc import Sequence

from bridge.cli.usage import Argument, Command, Usage, usage

_BASH = """\
# bash completion of evcc-bridge: source <(evcc-bridge completion bash)
_evcc_bridge() {{
    local current=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD - 1]}} command='' word words
    for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
        case $word in
        {names}) command=$word && break ;;
        esac
    done
    case $previous in
{values}
    esac
    case $command in
{commands}
    *) words='{names_spaced}' ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$words {options}" -- "$current")
}}
complete -F _evcc_bridge evcc-bridge
"""
_ZSH = """\
#compdef evcc-bridge
# zsh completion of evcc-bridge: evcc-bridge completion zsh > "${{fpath[1]}}/_evcc-bridge"
_evcc_bridge() {{
    local curcontext=$curcontext state line
    local -a commands options
    commands=(
{names}
    )
    options=(
{options}
    )
    _arguments -C $options '1:command:->command' '*::argument:->argument'
    case $state in
    command) _describe command commands ;;
    argument)
        case $words[1] in
{commands}
        esac ;;
    esac
}}
if [ "$funcstack[1]" = _evcc-bridge ]; then
    _evcc_bridge "$@"
else
    compdef _evcc_bridge evcc-bridge
fi
"""


def script(shell: str) -> str:
    """The completion of a shell: one of `bash`, `zsh`, `fish`."""
    return {"bash": _bash, "zsh": _zsh, "fish": _fish}[shell](usage())


def _bash(table: Usage) -> str:
    names = [command.name for command in table.commands]
    everything = [*table.options, *(each for command in table.commands for each in command.arguments)]
    return _BASH.format(
        names="|".join(names),
        names_spaced=" ".join(names),
        options=" ".join(_flags(table.options)),
        values="\n".join(
            f"    {'|'.join(each.flags)}) {_bash_value(each)} ;;" for each in everything if _has_value(each)
        ),
        commands="\n".join(f"    {each.name}) words='{' '.join(_words(each))}' ;;" for each in table.commands),
    )


def _bash_value(option: Argument) -> str:
    if option.is_path:
        return 'compopt -o filenames && mapfile -t COMPREPLY < <(compgen -f -- "$current") && return'
    if option.choices:
        return f"mapfile -t COMPREPLY < <(compgen -W '{' '.join(option.choices)}' -- \"$current\") && return"
    return "return"


def _zsh(table: Usage) -> str:
    commands = [
        f"        {' '.join([f'{each.name}) _arguments $options', *map(_zsh_argument, each.arguments)])} ;;"
        for each in table.commands
    ]
    return _ZSH.format(
        names="\n".join(f"        {_quoted(f'{command.name}:{command.help}')}" for command in table.commands),
        options="\n".join(f"        {_zsh_argument(each)}" for each in table.options),
        commands="\n".join(commands),
    )


def _zsh_argument(argument: Argument) -> str:
    values = "_files" if argument.is_path else f"({' '.join(argument.choices)})" if argument.choices else " "
    name = "choice" if argument.choices else argument.metavar.lower()
    if not argument.flags:
        return _quoted(f":{name}:{values}")
    value = f":{name}:{values}" if argument.metavar else ""
    return " ".join(_quoted(f"{flag}[{argument.help}]{value}") for flag in argument.flags)


def _fish(table: Usage) -> str:
    names = " ".join(command.name for command in table.commands)
    lines = [
        "# fish completion of evcc-bridge: evcc-bridge completion fish | source",
        "complete -c evcc-bridge -f",
        *(_fish_option(each, "") for each in table.options),
    ]
    for command in table.commands:
        none = f"-n 'not __fish_seen_subcommand_from {names}'"
        lines.append(f"complete -c evcc-bridge {none} -a {command.name} -d {_quoted(command.help)}")
        seen = f"-n '__fish_seen_subcommand_from {command.name}'"
        lines += [_fish_option(each, seen) for each in command.arguments if each.flags or each.choices]
    return "\n".join(lines) + "\n"


def _fish_option(argument: Argument, condition: str) -> str:
    flags = " ".join(f"-l {flag[2:]}" if flag.startswith("--") else f"-s {flag[1:]}" for flag in argument.flags)
    values = f"-a '{' '.join(argument.choices)}'" if argument.choices else "-F" if argument.is_path else ""
    required = "-r" if argument.flags and argument.metavar else ""
    help_text = f"-d {_quoted(argument.help)}" if argument.help else ""
    return " ".join(part for part in ("complete -c evcc-bridge", condition, flags, required, values, help_text) if part)


def _has_value(argument: Argument) -> bool:
    return bool(argument.flags and argument.metavar)


def _words(command: Command) -> list[str]:
    return [
        *(choice for each in command.arguments if not each.flags for choice in each.choices),
        *_flags(command.arguments),
    ]


def _flags(arguments: Sequence[Argument]) -> list[str]:
    return [flag for each in arguments for flag in each.flags]


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"
