import pytest

from bridge.errors import Refused
from bridge.settable.lookup import Found, find
from bridge.settable.permission import Permission
from bridge.settings import Commands
from tests.settable.house import TODAY

MODE = "loadpoints/1/mode"


def setting(topic: str) -> Found:
    return find(f"{topic}/set", TODAY)


def allowed(topic: str, *, enabled: bool = True, allow: tuple[str, ...] = (), deny: tuple[str, ...] = ()) -> bool:
    return Permission.of(Commands(enabled=enabled, allow=allow, deny=deny)).allows(setting(topic))


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
        Permission.of(Commands(deny=(glob,))).check(setting(topic), written)
    Permission.of(Commands(allow=(glob,))).check(setting(topic), written)
    assert not allowed(topic, deny=(glob,))


def test_a_glob_below_titles_means_what_is_written_there() -> None:
    permission = Permission.of(Commands(deny=("by-title/garage/*",)))
    with pytest.raises(Refused):
        permission.check(setting(MODE), "by-title/garage/mode")
    permission.check(setting(MODE), MODE)


def test_switched_off_nothing_is_allowed() -> None:
    assert not allowed(MODE, enabled=False, allow=("*",))


ENTRY = "vehicles/my.car_2/repeatingPlans/1/soc"


@pytest.mark.parametrize(
    ("allow", "deny", "expected"),
    [
        ((), ("vehicles/*/repeatingPlans",), False),
        ((), ("*/plan/repeating",), False),
        ((), ("*/repeatingPlans/*/soc",), False),
        ((), ("*/repeatingPlans/*/time",), True),
        (("vehicles/*/repeatingPlans",), (), True),
        (("*/repeatingPlans/1/soc",), (), True),
        (("*/repeatingPlans/2/soc",), (), False),
    ],
)
def test_who_may_not_set_a_list_may_not_set_its_entries(
    allow: tuple[str, ...], deny: tuple[str, ...], expected: bool
) -> None:
    assert allowed(ENTRY, allow=allow, deny=deny) is expected
