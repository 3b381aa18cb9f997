"""An answer of evcc merged with what is known of its state.

From an evcc that starts, what is missing is only not there yet. A value that is missing, or an empty text where there
was one, does not replace what is known; nor does null what has values in it.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeVar

from bridge.state.document import from_document
from bridge.state.part import ABSENT, Part
from bridge.state.state import State, same
from bridge.state.values import is_devices

_AnyPart = TypeVar("_AnyPart", bound=Part)


def shared(known: State, new: State) -> State:
    """`new` with the very objects of `known` wherever both are equal; `known` itself where nothing differs."""
    loadpoints = tuple(map(_shared_part, known.loadpoints, new.loadpoints)) + new.loadpoints[len(known.loadpoints) :]
    vehicles = {name: _shared_part(known.vehicles.get(name), part) for name, part in new.vehicles.items()}
    made = State(
        _shared_part(known.site, new.site),
        known.loadpoints if _are_same(known.loadpoints, loadpoints) else loadpoints,
        known.vehicles if _are_same((*known.vehicles.values(),), (*vehicles.values(),)) else vehicles,
        new.lists_loadpoints,
        new.lists_vehicles,
        new.left_out,
    )
    return known if made.is_same(known) else made


def filled(known: State, new: State) -> State:
    """`new`, with what is known wherever it has nothing yet."""
    return _rebuilt(new, _filled(known.document(), new.document()))


def filled_frame(known: State, frame: Mapping[str, Any]) -> dict[str, Any]:
    """A push frame of an evcc that starts, with what is known wherever it has nothing yet."""
    document = known.document()
    return {path: _filled(_at(document, path.split(".")), value) for path, value in frame.items()}


def newest(asked: State, known: State, answer: State) -> State:
    """An answer, with what push frames have brought since it was asked for.

    What was known when it was asked for and is not in the answer has gone; what is new since then stays.
    """
    if known is asked:
        return answer
    documents = [state.document() for state in (asked, known, answer)]
    loadpoints = [document.pop("loadpoints", []) for document in documents]
    made = _newest(*documents)
    if answer.lists_loadpoints:
        made["loadpoints"] = [*map(_newest, *loadpoints), *loadpoints[2][len(loadpoints[1]) :]]
    return _rebuilt(answer, made)


def is_complete(known: State, new: State) -> bool:
    """Whether `new` has something wherever there is something known."""
    return not _missing(known.document(), new.document(), emptied=True)


def lost(known: State, new: State) -> int:
    """How many values loadpoints that are still listed have lost; without any loadpoint, or without vehicles, all."""
    before, after = ([part.values for part in state.loadpoints] for state in (known, new))
    vehicles = 0 if new.lists_vehicles else sum(_leaves(part.values) for part in known.vehicles.values())
    return vehicles + (_missing(before[: len(after)], after) if after else _leaves(before))


def _shared_part(known: _AnyPart | None, new: _AnyPart) -> _AnyPart:
    if known is None or known is new:
        return new
    values = {key: _shared_value(known.values.get(key, ABSENT), value) for key, value in new.values.items()}
    if len(values) == len(known.values) and all(known.values.get(key, ABSENT) is values[key] for key in values):
        return known
    return replace(new, values=values)


def _shared_value(known: Any, new: Any) -> Any:
    return known if same(known, new) else new


def _are_same(some: tuple[Any, ...], others: tuple[Any, ...]) -> bool:
    return len(some) == len(others) and all(one is other for one, other in zip(some, others, strict=True))


def _rebuilt(answer: State, document: Mapping[str, Any]) -> State:
    made = from_document(document)
    return replace(made, left_out=answer.left_out or made.left_out)


def _filled(known: Any, new: Any) -> Any:
    """`new` over `known`, both as they stand in a document."""
    if (new is None and (isinstance(known, Mapping) or is_devices(known))) or _is_emptied(known, new):
        return known
    if isinstance(known, Mapping) and isinstance(new, Mapping):
        both = {key: _filled(known.get(key, ABSENT), value) for key, value in new.items()}
        return {**known, **both}
    if is_devices(known) and isinstance(new, list):
        return [*map(_filled, known, new), *new[len(known) :], *known[len(new) :]]
    return new


def _newest(asked: Any, known: Any, answer: Any) -> Any:
    if known is asked:
        return answer
    if not all(isinstance(value, Mapping) for value in (asked, known, answer)):
        return known
    stays = {key: value for key, value in answer.items() if key in known or key not in asked}
    changed = {
        key: _newest(asked.get(key, ABSENT), value, answer.get(key, ABSENT))
        for key, value in known.items()
        if value is not asked.get(key, ABSENT) and (key in answer or key not in asked)
    }
    return {**stays, **changed}


def _missing(known: Any, new: Any, *, emptied: bool = False) -> int:
    """How many values of `known` have no counterpart in `new`; null is one, but not of what has values in it."""
    if known is new:
        return 0
    if isinstance(known, Mapping):
        there = new if isinstance(new, Mapping) else {}
        return sum(
            _missing(value, there[key], emptied=emptied) if key in there else _leaves(value)
            for key, value in known.items()
        )
    if is_devices(known):
        others = new if isinstance(new, list) else []
        here = sum(_missing(one, other, emptied=emptied) for one, other in zip(known, others, strict=False))
        return here + sum(map(_leaves, known[len(others) :]))
    return int(emptied and _is_emptied(known, new))


def _leaves(value: Any) -> int:
    """How many values other than null there are in `value`."""
    if isinstance(value, Mapping):
        return sum(map(_leaves, value.values()))
    return sum(map(_leaves, value)) if is_devices(value) else value is not None


def _is_emptied(known: Any, new: Any) -> bool:
    return new == "" and isinstance(known, str) and bool(known)


def _at(value: Any, path: list[str]) -> Any:
    """What stands at a push frame's path; ABSENT where nothing does."""
    for level in path:
        if isinstance(value, Mapping):
            value = value.get(level, ABSENT)
        elif isinstance(value, list) and level.isascii() and level.isdecimal() and len(level) <= 6:
            value = value[int(level)] if int(level) < len(value) else ABSENT
        else:
            return ABSENT
    return value
