"""One reading of evcc, as a row of the tables in bridge/state/readings.py."""

from dataclasses import dataclass
from enum import StrEnum


class Nature(StrEnum):
    """What a payload is, once it is read."""

    NUMBER = "number"
    FLAG = "flag"
    MOMENT = "moment"  # unix seconds
    TEXT = "text"
    SERIES = "series"  # one JSON list


@dataclass(frozen=True, slots=True)
class Quantity:
    """What is measured: unit, and the classes that Home Assistant has for it.

    In `unit`, `{currency}` stands for the state's `currency`. `decimals` is what is worth showing; `share` says
    that the payload is a part of 1, which people want to see in percent.
    """

    nature: Nature = Nature.NUMBER
    unit: str = ""
    device_class: str = ""
    state_class: str = ""
    decimals: int = 0
    share: bool = False


class Rank(StrEnum):
    """How much a reading matters to somebody who looks at it every day."""

    EVERYDAY = "everyday"
    DETAIL = "detail"
    RARE = "rare"  # there, and switched on only where it is wanted


@dataclass(frozen=True, slots=True)
class Reading:
    """One reading. In `title`, `{}` stands for what `*` of its key is; `icon` is one of Material Design's."""

    title: str
    quantity: Quantity
    icon: str
    meaning: str
    rank: Rank = Rank.EVERYDAY
