"""Whatever evcc documents and needs no login for can be reached, and nothing that nobody documents is called."""

from bridge.settable.table import SETTINGS
from tests.operations import DESCRIBED, NEVER, OPERATIONS, UNDESCRIBED, general, of_setting, reached


def is_never(operation: str) -> bool:
    return operation.partition(" ")[2].startswith(tuple(NEVER))


def test_every_documented_operation_is_reached_but_those_of_the_administrator() -> None:
    where = reached()
    assert [one for one in OPERATIONS if (general(one) in where) is is_never(one)] == []
    assert (len(DESCRIBED.split("\n")) - 2, len(OPERATIONS)) == (73, 78)
    assert sum(general(one) in where for one in OPERATIONS) == 65


def test_no_setting_calls_what_is_not_documented() -> None:
    documented = {general(one) for one in OPERATIONS}
    called = {operation for setting in SETTINGS for operation in of_setting(setting)}
    assert called - documented == UNDESCRIBED
