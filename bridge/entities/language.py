"""Names and labels in the language of `discovery.language`; ids stay as they are."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from bridge.entities.german import GERMAN
from bridge.entities.german_meanings import MEANINGS

_TEXTS: Mapping[str, Mapping[str, str]] = {"en": {}, "de": {**GERMAN, **MEANINGS}}


@dataclass(frozen=True, slots=True)
class Language:
    """A language; English texts are its keys."""

    code: str = "en"
    _texts: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False, hash=False)

    @classmethod
    def of(cls, code: str) -> "Language":
        """The language with this code, `en` or `de`."""
        return cls(code, _TEXTS[code])

    def text(self, english: str) -> str:
        """A text in this language, in English where it has none."""
        return self._texts.get(english, english)

    def filled(self, english: str, name: str) -> str:
        """A text with `{}` in it, with `name` in its place."""
        return self.text(english).replace("{}", name)


ENGLISH = Language()
