"""Charging sessions beyond the recorded answers."""

import csv
import io

import pytest

from evcc_simulator.house import ERAS
from evcc_simulator.messages import Answer
from evcc_simulator.sessions import Sessions
from tests.simulator.recorded import NIGHT


def _sessions(era: str = "0.313.2") -> Sessions:
    return Sessions(ERAS[era], NIGHT)


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ({}, [5, 4, 3]),
        ({"year": "2026"}, [5, 4, 3]),
        ({"year": "2026", "month": "11"}, [5, 4]),
        ({"year": "2026", "month": "9"}, []),
        ({"year": "2025"}, []),
        ({"month": "11"}, [5, 4, 3]),
    ],
)
def test_lists_a_period(query: dict[str, str], ids: list[int]) -> None:
    assert [row["id"] for row in _sessions().answer(query)] == ids


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize(
    ("lang", "first"), [("de", "Startzeit"), ("de-AT", "Startzeit"), ("en", "Created"), ("", "Created")]
)
def test_csv_speaks_the_language(era: str, lang: str, first: str) -> None:
    answer = _sessions(era).answer({"format": "csv", "lang": lang, "year": "2026", "month": "11"})
    assert isinstance(answer, Answer)
    assert answer.headers["Content-Disposition"] == 'attachment; filename="session-2026-11.csv"'
    text = answer.body.decode("utf-8-sig")
    delimiter = ";" if era == "0.131.4" and first == "Startzeit" else ","
    rows = list(csv.reader(io.StringIO(text), delimiter=delimiter))
    assert rows[0][0] == first
    assert len(rows) == 3
    assert len({len(row) for row in rows}) == 1


def test_the_same_seed_gives_the_same_sessions() -> None:
    one, other, third = _sessions(), _sessions(), _sessions()
    one.generate(50, NIGHT, seed=1)
    other.generate(50, NIGHT, seed=1)
    third.generate(50, NIGHT, seed=2)
    assert one.rows == other.rows != third.rows
    assert [row["id"] for row in one.rows] == list(range(50, 0, -1))
    created = [row["created"] for row in one.rows]
    assert created == sorted(created, reverse=True)


def test_the_next_one_is_the_first_of_the_list() -> None:
    sessions = _sessions()
    row = sessions.add(chargedEnergy=1.5, created="2026-11-25T00:00:00Z")
    assert sessions.rows[0] is row
    assert row["id"] == 6
    assert row.keys() == sessions.rows[1].keys()
