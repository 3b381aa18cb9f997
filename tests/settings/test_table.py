"""The table of options for the README."""

from bridge.settings.model import options
from bridge.settings.table import table


def test_there_is_a_row_for_every_option() -> None:
    rows = table().splitlines()[2:]
    assert [row.split("`")[3] for row in rows] == [*options()]
    assert all(row.replace("\\|", "").count("|") == 6 for row in rows)


def test_a_row() -> None:
    assert "| `mqtt.root` | `MQTT_ROOT` | `evcc` | a topic: no + or #, no $ in front, not empty |" in table()
    assert "| `evcc.verify` | `EVCC_VERIFY` | `true` | true, false |" in table()
    assert "| `topics.exclude` | `TOPICS_EXCLUDE` | `[]` |" in table()
