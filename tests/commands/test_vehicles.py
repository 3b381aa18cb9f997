import pytest

from bridge.commands.vehicles import choices, read_vehicle, titles
from bridge.errors import Refused
from tests.commands.house import TODAY

TWINS = {"vehicles": {"a": {"title": "Zoe"}, "b": {"title": "Zoe"}, "Zoe2": {"title": "zoe"}, "c": {}, "d": None}}


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("zoe:old", "zoe:old"),
        ("my.car_2", "my.car_2"),
        ("Blauer e-Golf", "my.car_2"),
        ("blauer E-GOLF", "my.car_2"),
        ('Grüner Honda "e" / Zwei', "zoe:old"),
        ('Gru\u0308ner Honda "e" / Zwei', "zoe:old"),  # as macOS spells an umlaut
        ("BIKE", "bike"),
    ],
)
def test_a_vehicle_is_known_by_name_and_by_title(text: str, name: str) -> None:
    assert read_vehicle(text, TODAY).fields == {"value": name}


def test_an_unknown_vehicle_is_refused_with_the_choices() -> None:
    with pytest.raises(Refused, match=r"knows \(bike: VanMoof, my.car_2: Blauer e-Golf, zoe:old: .*\), got nobody"):
        read_vehicle("nobody", TODAY)


def test_a_title_of_two_vehicles_is_refused_with_both() -> None:
    with pytest.raises(Refused, match="Zoe is the title of several: a, b"):
        read_vehicle("Zoe", TWINS)


def test_an_exact_title_wins_over_one_in_other_letters() -> None:
    assert read_vehicle("zoe", TWINS).fields == {"value": "Zoe2"}


def test_a_name_wins_over_a_title() -> None:
    state = {"vehicles": {"a": {"title": "b"}, "b": {"title": "a"}}}
    assert read_vehicle("a", state).fields == {"value": "a"}


@pytest.mark.parametrize("vehicles", [{}, None, [], 5])
def test_a_house_without_vehicles_knows_none(vehicles: object) -> None:
    with pytest.raises(Refused, match="it knows none"):
        read_vehicle("zoe", {"vehicles": vehicles, "siteTitle": "x"})


def test_while_evcc_has_said_nothing_a_name_is_taken_on_trust() -> None:
    assert read_vehicle("db:5", {}).fields == {"value": "db:5"}


@pytest.mark.parametrize("text", ["..", ".", "a/b", "a b", "%2e%2e", "Blauer e-Golf", "ä", "a\nb", ""])
def test_but_nothing_that_is_no_name(text: str) -> None:
    with pytest.raises(Refused):
        read_vehicle(text, {})


@pytest.mark.parametrize("name", ["..", ".", ""])
def test_a_name_that_would_leave_its_path_segment_is_no_vehicle(name: str) -> None:
    assert titles({"vehicles": {name: {"title": "Trojan"}, "a": {}}}) == {"a": ""}
    with pytest.raises(Refused):
        read_vehicle("Trojan", {"vehicles": {name: {"title": "Trojan"}}})


def test_many_choices_are_cut() -> None:
    assert choices({f"v{number}": "" for number in range(100)}).count(",") == 19
