"""What an export is made of, and how it is wanted."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from bridge.entities.entity import Entity
from bridge.entities.language import Language
from bridge.settings import Settings
from bridge.settings.urls import Address
from bridge.state.state import State


@dataclass(frozen=True, slots=True)
class Options:
    """How an export is wanted; empty: the usual way.

    `broker` is the broker's address as the other program reaches it. For openHAB, `parent` and `location` are group
    items that every device's group is to be a member of, and `semantics` is the release whose tags are used, 4 or 5.
    """

    broker: str = ""
    parent: str = ""
    location: str = ""
    semantics: int = 4


@dataclass(frozen=True, slots=True)
class House:
    """What an export is made of."""

    entities: Sequence[Entity]
    state: State = field(repr=False)
    settings: Settings = field(repr=False)
    options: Options = Options()

    @property
    def language(self) -> Language:
        """The language of its names and labels."""
        return Language.of(self.settings.discovery.language)

    @property
    def root(self) -> str:
        """The topic that everything is below."""
        return self.settings.mqtt.root

    @property
    def address(self) -> Address:
        """The broker's address for the other program."""
        return Address.of(self.options.broker) if self.options.broker else self.settings.mqtt.address
