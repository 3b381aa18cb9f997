"""What a long history and many jq expressions add to a state change."""

from contextlib import ExitStack
from statistics import median

from tests.bench.delays import Delay, Gauge
from tests.bench.figures import Figure, p95
from tests.bench.programs import Bridge, Evcc, broker

_SESSIONS, _EXPRESSIONS = 10_000, 50
_SESSION_EVERY = 25  # changes
_POLLS = {"EVCC_PUSH_INTERVAL": "1"}


def figures(count: int) -> list[Figure]:
    """Two houses in turn: a plain one, and one with it all, where a session ends now and then."""
    expressions = ", ".join(f'"e{n}": ".loadpoints[{n % 3}].chargePower + {n}"' for n in range(_EXPRESSIONS))
    with ExitStack() as stack:
        mosquitto = stack.enter_context(broker())
        plain, full = (stack.enter_context(Evcc("--sessions", str(number))) for number in (10, _SESSIONS))
        stack.enter_context(Bridge(plain, mosquitto, "plain", **_POLLS))
        stack.enter_context(Bridge(full, mosquitto, "full", TOPICS_JQ=f"{{{expressions}}}", **_POLLS))
        gauges = [
            stack.enter_context(Gauge(evcc, mosquitto, root)) for evcc, root in ((plain, "plain"), (full, "full"))
        ]
        pairs = []
        for number in range(count):
            if number % _SESSION_EVERY == 0:
                for evcc in (plain, full):
                    evcc.act("connect", loadpoint=0)
                    evcc.act("finish_session", loadpoint=0)
            pairs.append([gauge.delay() for gauge in gauges])
    without, with_all = ([_beyond(pair[index]) for pair in pairs] for index in (0, 1))
    name = f"added to a change by {_SESSIONS:,} sessions and {_EXPRESSIONS} jq expressions"
    return [
        _added(f"{name}, median", median(without), median(with_all)),
        _added(f"{name}, p95", p95(without), p95(with_all)),
        _added(f"{name}, largest", max(without), max(with_all)),
    ]


def _beyond(delay: Delay) -> float:
    return delay.message - delay.frame


def _added(what: str, without: float, with_all: float) -> Figure:
    reference = f"{with_all * 1_000:.2f}, without {without * 1_000:.2f} ms above the frame's arrival"
    return Figure(what, (with_all - without) * 1_000, "ms", reference)
