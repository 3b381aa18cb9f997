import pytest

from bridge.commands.permission import Permission
from bridge.errors import Refused
from bridge.settings import Commands

MODE = "loadpoints/1/mode"


def allowed(topic: str, *, enabled: bool = True, allow: tuple[str, ...] = (), deny: tuple[str, ...] = ()) -> bool:
    return Permission.of(Commands(enabled=enabled, allow=allow, deny=deny)).allows(topic)


@pytest.mark.parametrize(
    ("allow", "deny", "expected"),
    [
        ((), (), True),
        ((MODE,), (), True),
        (("loadpoints/1/mode/set",), (), True),
        (("loadpoints/*/mode",), (), True),
        (("loadpoints/*/MODE",), (), True),
        (("loadpoints/*",), (), True),
        (("loadpoints/2/*",), (), False),
        (("site/*", "vehicles/*"), (), False),
        (("mode",), (), False),
        ((), (MODE,), False),
        ((), ("*/mode/set",), False),
        ((), ("site/*",), True),
        (("loadpoints/*",), ("*/mode",), False),
    ],
)
def test_globs_over_topics(allow: tuple[str, ...], deny: tuple[str, ...], expected: bool) -> None:
    assert allowed(MODE, allow=allow, deny=deny) is expected


@pytest.mark.parametrize("glob", ["loadpoints/*/phases", "loadpoints/*/phasesConfigured", "*/PHASES/set"])
@pytest.mark.parametrize("written", ["loadpoints/1/phases", "by-title/garage/phases", "loadpoints/1/phasesConfigured"])
def test_a_glob_means_the_setting_whatever_it_is_called(glob: str, written: str) -> None:
    topic = "loadpoints/1/phasesConfigured"
    with pytest.raises(Refused, match=r"may not be set \(commands.deny\)"):
        Permission.of(Commands(deny=(glob,))).check(topic, written)
    Permission.of(Commands(allow=(glob,))).check(topic, written)
    assert not allowed(topic, deny=(glob,))


def test_a_glob_below_titles_means_what_is_written_there() -> None:
    permission = Permission.of(Commands(deny=("by-title/garage/*",)))
    with pytest.raises(Refused):
        permission.check(MODE, "by-title/garage/mode")
    permission.check(MODE, MODE)


def test_switched_off_nothing_is_allowed() -> None:
    assert not allowed(MODE, enabled=False, allow=("*",))
