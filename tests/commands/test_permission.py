import pytest

from bridge.commands.permission import Permission
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


def test_switched_off_nothing_is_allowed() -> None:
    assert not allowed(MODE, enabled=False, allow=("*",))
