"""A pinned release: evcc's state with the names, words and shapes that this release had, whatever evcc runs."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Self, TypeVar

from bridge.state.part import ABSENT, Part, Scope, Target
from bridge.state.releases import RULES, release
from bridge.state.rules import Rule, Series, Values
from bridge.state.state import State

EVCCS = "evcc"
"""The contract of whatever release evcc is."""

_AnyPart = TypeVar("_AnyPart", bound=Part)
_SERIES = {scope: [rule.key for rule in RULES if isinstance(rule, Series) and rule.scope is scope] for scope in Scope}


class Contract:
    """The translation of states for clients of one release of evcc.

    It keeps the last version of each part, so that only what changed is translated again, and what did not change is
    the same object in both versions of the translated state.
    """

    def __init__(self, pinned: str) -> None:
        self.pinned = pinned
        self.release = release(pinned) or (0, 0, 0)
        later = [rule for rule in reversed(RULES) if rule.release > self.release]
        self._later = {scope: [rule for rule in later if rule.scope is scope] for scope in Scope}
        earlier = [rule for rule in RULES if rule.release <= self.release]
        self._earlier = {scope: [rule for rule in earlier if rule.scope is scope] for scope in Scope}
        self._parts: dict[Target, tuple[Part, Part]] = {}
        self._last = State(), State()

    @classmethod
    def of(cls, contract: str) -> Self | None:
        """The contract of the option `topics.contract`; None for evcc's own."""
        return None if contract == EVCCS else cls(contract)

    def view(self, state: State) -> State:
        """A state as the pinned release would have it; the same object as long as the state is."""
        if state is not self._last[0]:
            self._last = state, self._translated(state)
        return self._last[1]

    def in_force(self, state: State) -> Iterator[tuple[Rule, list[Target]]]:
        """The changes that are undone, or made, for this state, each with the parts that it concerns."""
        for rule in RULES:
            targets = [part.target for part in state.targets() if part.target.scope is rule.scope]
            found = [target for target in targets if self._concerns(rule, state.find(target))]
            if found:
                yield rule, found

    def _concerns(self, rule: Rule, part: Part | None) -> bool:
        values: Values = {} if part is None else dict(part.values)
        self._apply(rule, values)
        return part is not None and values != part.values

    def _apply(self, rule: Rule, values: Values) -> None:
        if rule.release > self.release:
            rule.older(values)
        else:
            rule.newer(values)

    def _translated(self, state: State) -> State:
        loadpoints = tuple(map(self._part, state.loadpoints))
        vehicles = {name: self._part(part) for name, part in state.vehicles.items()}
        site = self._part(state.site)
        parts = (site, *loadpoints, *vehicles.values())
        self._parts = dict(zip((part.target for part in parts), zip(state.targets(), parts, strict=True), strict=True))
        running = release(state.version)
        pinned = self.pinned if running is not None and running > self.release else ""
        return replace(state, site=site, loadpoints=loadpoints, vehicles=vehicles, pinned=pinned)

    def _part(self, part: _AnyPart) -> _AnyPart:
        before, translated = self._parts.get(part.target, (None, None))
        if before is part:
            return translated  # type: ignore[return-value] # of the same kind as the part that it was made of
        values = dict(part.values)
        if before is not None and translated is not None:
            self._reuse_series(values, before, translated)
        for rule in (*self._later[part.target.scope], *self._earlier[part.target.scope]):
            self._apply(rule, values)
        return replace(part, values=values)

    def _reuse_series(self, values: Values, before: Part, translated: Part) -> None:
        """Take the time series that did not change as they were translated: they have hundreds of items."""
        for key in _SERIES[before.target.scope]:
            if key in values and values[key] is before.values.get(key, ABSENT):
                values[key] = translated.values[key]
