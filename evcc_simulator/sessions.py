"""Charging sessions: the recorded ones, as many more as wanted, and how evcc lists them."""

import csv
import io
import random
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from evcc_simulator.clock import days_since, moment, rfc3339, shifted, utc
from evcc_simulator.house import Era, recorded_sessions
from evcc_simulator.messages import Answer

Session = dict[str, Any]

_NEW_KEYS = frozenset({"socStart", "socEnd", "referencePricePerKWh", "referenceCo2PerKWh"})
_NANOSECONDS = 1_000_000_000
_LANGUAGES = ("de", "en")
_COLUMNS = {
    "created": ("Startzeit", "Created"),
    "finished": ("Endzeit", "Finished"),
    "loadpoint": ("Ladepunkt", "Charging point"),
    "identifier": ("Kennung", "Identifier"),
    "vehicle": ("Fahrzeug", "Vehicle"),
    "odometer": ("Kilometerstand (km)", "Mileage (km)"),
    "meterStart": ("Anfangszählerstand (kWh)", "Meter start (kWh)"),
    "meterStop": ("Endzählerstand (kWh)", "Meter stop (kWh)"),
    "chargedEnergy": ("Energie (kWh)", "Energy (kWh)"),
    "chargeDuration": ("Ladedauer", "Duration"),
    "socStart": ("Ladestand Start (%)", "Soc start (%)"),
    "socEnd": ("Ladestand Ende (%)", "Soc end (%)"),
    "solarPercentage": ("Sonne (%)", "Solar (%)"),
    "price": ("Kosten", "Cost"),
    "pricePerKWh": ("Preis/kWh", "Price/kWh"),
    "co2PerKWh": ("CO₂/kWh", "CO₂/kWh"),
    "referencePricePerKWh": ("Reference Price/kWh", "Reference Price/kWh"),
    "referenceCo2PerKWh": ("Reference CO2/kWh (gCO2eq)", "Reference CO2/kWh (gCO2eq)"),
}
_OLD_TITLES = {"price": ("Preis", "Price")}


class Sessions:
    """evcc's session list, newest first; at the start the recorded ones, moved to the day of `now`."""

    def __init__(self, era: Era, now: float) -> None:
        self._era = era
        self.rows: list[Session] = shifted(recorded_sessions(), days_since(era.seed["day"], utc(now)))

    def generate(self, count: int, now: float, seed: int = 0) -> None:
        """Replace the list by `count` made-up sessions, one every few hours up to `now`; the same for the same seed."""
        dice = random.Random(seed)  # noqa: S311 - test data
        rows, at = [], utc(now)
        for number in range(count, 0, -1):
            at -= timedelta(seconds=dice.randrange(3_600, 36_000))
            at = at.replace(microsecond=0)
            energy = round(dice.uniform(0.5, 40), 2)
            lasted = int(energy / dice.uniform(3.6, 11) * 3_600)
            price = round(energy * dice.uniform(0.08, 0.35), 3)
            rows.append(
                _session(
                    id=number,
                    created=rfc3339(at - timedelta(seconds=lasted)),
                    finished=rfc3339(at),
                    loadpoint=dice.choice(("Carport + Süd", "Garage")),
                    vehicle=dice.choice(("Blauer e-Golf", 'Grüner Honda "e" / Zwei', "")),
                    chargedEnergy=energy,
                    chargeDuration=lasted * _NANOSECONDS,
                    solarPercentage=round(dice.uniform(0, 100), 1),
                    price=price,
                    pricePerKWh=round(price / energy, 3),
                    co2PerKWh=round(dice.uniform(0, 450), 1),
                )
            )
            at -= timedelta(seconds=lasted)
        self.rows = rows

    def add(self, **values: Any) -> Session:
        """Append a session that has just ended; what is not given is null."""
        row = _session(id=1 + max((each["id"] for each in self.rows), default=0), **values)
        self.rows.insert(0, row)
        return row

    def change(self, number: int, values: Mapping[str, Any]) -> None:
        """Change a session, if there is one of this number."""
        for row in self.rows:
            if row["id"] == number:
                row.update(values)

    def delete(self, number: int) -> None:
        """Delete a session, if there is one of this number."""
        self.rows = [row for row in self.rows if row["id"] != number]

    def answer(self, query: Mapping[str, str]) -> Any:
        """`GET /api/sessions`: all of them, or those of a year or month; JSON, or CSV as an Answer."""
        period = _period(query)
        rows = [self._shown(row) for row in self.rows if row["created"].startswith(period)]
        return self._csv(rows, query, period) if query.get("format") == "csv" else rows

    def _shown(self, row: Session) -> Session:
        return {key: row[key] for key in row if not (self._era.old and key in _NEW_KEYS)}

    def _csv(self, rows: list[Session], query: Mapping[str, str], period: str) -> Answer:
        language = _LANGUAGES.index("de") if query.get("lang", "").startswith("de") else _LANGUAGES.index("en")
        decimal_comma = self._era.old and language == 0
        titles = {key: title for key, title in self._titles().items() if not (self._era.old and key in _NEW_KEYS)}
        out = io.StringIO()
        writer = csv.writer(out, delimiter=";" if decimal_comma else ",", lineterminator="\n")
        writer.writerow([title[language] for title in titles.values()])
        for row in rows:
            writer.writerow([_cell(key, row[key], comma=decimal_comma) for key in titles])
        name = "-".join(filter(None, ("session", period.rstrip("-"))))
        headers = {"Content-Disposition": f'attachment; filename="{name}.csv"'}
        return Answer(200, "text/csv", ("\ufeff" + out.getvalue()).encode(), headers)

    def _titles(self) -> dict[str, tuple[str, str]]:
        return _COLUMNS | (_OLD_TITLES if self._era.old else {})


def _session(**values: Any) -> Session:
    empty: Session = dict.fromkeys(("id", *_COLUMNS))
    return empty | {"loadpoint": "", "identifier": "", "vehicle": ""} | values


def _period(query: Mapping[str, str]) -> str:
    """The beginning that `created` must have."""
    year, month = query.get("year", ""), query.get("month", "")
    if not year:
        return ""
    return f"{year}-{int(month):02d}-" if month.isdigit() else f"{year}-"


def _cell(key: str, value: Any, *, comma: bool) -> str:
    match key, value:
        case _, None:
            return ""
        case (("created" | "finished"), str()):
            return f"{moment(value):%Y-%m-%d %H:%M:%S}"
        case "chargeDuration", _:
            return _go_duration(value // _NANOSECONDS)
        case _, float():
            return str(value).replace(".", ",") if comma else str(value)
        case _:
            return str(value)


def _go_duration(seconds: int) -> str:
    """As Go prints whole seconds: 3h36m40s, 45m0s, 7s."""
    hours, minutes = seconds // 3_600, seconds // 60 % 60
    text = f"{seconds % 60}s"
    if hours or minutes:
        text = f"{minutes}m{text}"
    return f"{hours}h{text}" if hours else text
