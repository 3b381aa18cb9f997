"""What a value of evcc is: what it measures, in which unit, and how it is shown. The rows are in readings.py."""

from dataclasses import dataclass, replace
from enum import StrEnum


class Nature(StrEnum):
    """What a payload is, once it is read."""

    NUMBER = "number"
    FLAG = "flag"
    MOMENT = "moment"  # unix seconds
    TEXT = "text"
    SERIES = "series"  # one JSON list
    JOURNAL = "journal"  # the last commands as a JSON list


# how many of its unit are one of the unit that is shown
_SIZES = {("Wh", "kWh"): 1000, ("s", "min"): 60, ("s", "h"): 3600}


@dataclass(frozen=True, slots=True)
class Quantity:
    """What is measured: unit, and the classes that Home Assistant has for it.

    In `unit`, `{currency}` is replaced by the state's `currency`. `shown`: the unit that people read, where that is
    another one; `decimals` is what is worth showing of it. `share`: the payload is a part of 1, to be shown in
    percent. `zero`: whether 0 is a value; else it means that there is none.
    """

    nature: Nature = Nature.NUMBER
    unit: str = ""
    device_class: str = ""
    state_class: str = ""
    decimals: int = 0
    share: bool = False
    zero: bool = True
    shown: str = ""

    @property
    def label(self) -> str:
        """The unit that people read."""
        return self.shown or self.unit

    @property
    def divisor(self) -> float:
        """What a payload is divided by to be in that unit."""
        return 0.01 if self.share else _SIZES.get((self.unit, self.shown), 1)


class Rank(StrEnum):
    """How prominently a reading is shown."""

    EVERYDAY = "everyday"
    DETAIL = "detail"
    RARE = "rare"  # there, and switched on only where it is wanted


@dataclass(frozen=True, slots=True)
class Reading:
    """One reading; `icon` is one of Material Design's.

    In `title`, `{}` is replaced by the level that matches `*` of its key.
    """

    title: str
    quantity: Quantity
    icon: str
    meaning: str
    rank: Rank = Rank.EVERYDAY


def measured(unit: str, device_class: str = "", decimals: int = 0) -> Quantity:
    """What a sensor measures at the moment."""
    return Quantity(Nature.NUMBER, unit, device_class, "measurement", decimals)


POWER = measured("W", "power")
CURRENT = measured("A", "current", 1)
SOC = measured("%", "battery")
PERCENT = measured("%")
TEMPERATURE = measured("°C", "temperature", 1)
RANGE = measured("km", "distance")
PRICE = measured("{currency}/kWh", decimals=3)
CO2 = measured("g/kWh")
SHARE = Quantity(unit="%", state_class="measurement", share=True)
METER = Quantity(unit="kWh", device_class="energy", state_class="total_increasing", decimals=2)
COUNTER = Quantity(unit="Wh", device_class="energy", state_class="total_increasing", decimals=2, shown="kWh")
LEFT = Quantity(
    unit="Wh", device_class="energy", decimals=2, shown="kWh"
)  # Home Assistant allows no measurement of energy
LIMIT = Quantity(unit="kWh", device_class="energy", decimals=1)
# 0 is none
LIMIT_ENERGY = replace(LIMIT, zero=False)
LIMIT_SOC = replace(PERCENT, zero=False)
CAPACITY = Quantity(unit="kWh", device_class="energy_storage", decimals=1)
# of whichever vehicle is connected: no statistics
MILEAGE = Quantity(unit="km", device_class="distance", zero=False)
# falls when a session is deleted
TOTAL = Quantity(unit="kWh", device_class="energy", state_class="total", decimals=1)
# begins again from 0 with each period
PERIOD = Quantity(unit="kWh", device_class="energy", state_class="total_increasing", decimals=1)
MONEY = Quantity(unit="{currency}", device_class="monetary", decimals=2)
SECONDS = Quantity(unit="s", device_class="duration")
DURATION = Quantity(unit="s", device_class="duration", shown="min")
HOURS = Quantity(unit="s", device_class="duration", decimals=1, shown="h")
NUMBER = Quantity()
FLAG = Quantity(Nature.FLAG)
PLUG = Quantity(Nature.FLAG, device_class="plug")
CHARGING = Quantity(Nature.FLAG, device_class="battery_charging")
RUNNING = Quantity(Nature.FLAG, device_class="running")
MOMENT = Quantity(Nature.MOMENT, device_class="timestamp")
TEXT = Quantity(Nature.TEXT)
SERIES = Quantity(Nature.SERIES)
JOURNAL = Quantity(Nature.JOURNAL)
