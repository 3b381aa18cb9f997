"""What is wrong at the broker, in the words of `bridge/problem`."""

from collections.abc import Collection, Mapping
from heapq import nsmallest

from bridge.mqtt.publisher import Report
from bridge.state.tree import Tree

_MANY = 5


def of_report(root: str, report: Report) -> dict[str, str | None]:
    """What became of messages: refused by an ACL, or too large."""
    return {
        "refused": _refused(root, report.refused),
        "too large": _named("too large for the broker and left out", root, report.too_large),
    }


def of_tree(root: str, tree: Tree) -> dict[str, str | None]:
    """What the wanted tree could not take."""
    return {
        "contested": _named("two values claim one topic, the first has it", root, tree.contested),
        "limit": _named(f"more topics than topics.limit ({tree.limit}) allows, left out", root, tree.left_out),
    }


def of_rivals(root: str, *, evcc: bool, bridge: bool) -> dict[str, str | None]:
    """Who else publishes the same tree."""
    rival = (
        f"evcc's own MQTT publishes below {root} too: the bridge publishes no state as long as it does; "
        "switch one of the two off, or give the bridge another root (mqtt.root)"
    )
    return {
        "evcc's own MQTT": rival if evcc else None,
        "second bridge": f"a second bridge publishes below {root}" if bridge else None,
    }


def client_id(shared: str | None) -> str | None:
    """Who throws whom out."""
    if shared is None:
        return None
    return (
        f"the connection to the broker ends again and again: a bad line, or another client with our client id {shared} "
        "(then give one of the two its own: mqtt.client_id)"
    )


def foreign(root: str, topics: Collection[str]) -> str | None:
    """Who wrote on the bridge's topics, and where he should."""
    if not topics:
        return None
    first = next(iter(topics))
    if len(topics) > _MANY:
        return f"somebody else publishes {len(topics)} topics of the bridge, such as {root}/{first}: put right"
    named = ", ".join(f"{root}/{topic}" for topic in topics)
    instead = f"to set a value, publish to {root}/{first}/set if {root}/bridge/commands lists that"
    return f"somebody else published {named}: put right; {instead}"


def _refused(root: str, topics: Mapping[str, str]) -> str | None:
    if not topics:
        return None
    topic, reason = next(iter(topics.items()))
    what = f"{root}/{topic}" if len(topics) == 1 else f"{len(topics)} topics, such as {root}/{topic}"
    return f"the broker refuses {what}: {reason}"


def _named(what: str, root: str, topics: Collection[str]) -> str | None:
    names = [f"{root}/{topic}" for topic in nsmallest(_MANY, topics)]
    more = f" and {len(topics) - _MANY} more" if len(topics) > _MANY else ""
    return f"{what}: {', '.join(names)}{more}" if names else None
