"""The picture of the house in the demo."""

import pytest

from bridge.cli.house import picture

HOUSE = {
    "loadpoints": "2",
    "site/pvPower": "5320.4",
    "site/homePower": "450",
    "site/grid/power": "-1200",
    "site/battery/power": "3",
    "site/battery/soc": "84.4",
    "loadpoints/1/title": "Carport",
    "loadpoints/1/mode": "pv",
    "loadpoints/1/chargePower": "3680",
    "loadpoints/1/connected": "true",
    "loadpoints/1/vehicleTitle": "Bulli",
    "loadpoints/1/vehicleSoc": "48.2",
    "loadpoints/1/effectiveLimitSoc": "80",
}


def test_a_house() -> None:
    assert picture(HOUSE).splitlines() == [
        "            solar 5,320 W",
        "                |",
        "  grid feeds in 1,200 W ---+--- battery idle, 84 %",
        "                |",
        "            home 450 W",
        "",
        "  loadpoint 1  Carport             pv       3,680 W  Bulli, 48 % of 80 %",
        "  loadpoint 2                                     -  no vehicle",
    ]


@pytest.mark.parametrize("topics", [{}, {"loadpoints": "x", "site/pvPower": "NaN"}, {"site/battery/soc": ""}])
def test_what_is_not_there(topics: dict[str, str]) -> None:
    assert "grid -" in picture(topics)


def test_a_title_is_one_short_line() -> None:
    lines = picture({"loadpoints": "1", "loadpoints/1/title": "x\n" * 100}).splitlines()
    assert len(lines) == 7
    assert len(lines[-1]) < 80
