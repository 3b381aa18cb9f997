"""Every error of the bridge: one tree."""

from bridge.util.redact import redact_logins


class BridgeError(Exception):
    """Anything that the bridge itself reports; its text is for the user."""


class ConfigError(BridgeError):
    """An option has a value that it does not take."""


class RedactedError(BridgeError):
    """An error whose text quotes evcc, the broker or a client: logins in addresses are cut out of it."""

    def __init__(self, text: str) -> None:
        super().__init__(redact_logins(text))


class EvccError(RedactedError):
    """evcc did not give what was asked for; `word` is the payload of `bridge/evcc`."""

    word = "invalid"


class Unreachable(EvccError):
    """No answer from evcc: refused, timed out, reset, or a gateway's 5xx."""

    word = "unreachable"


class NotReady(EvccError):
    """evcc answers, but its API does not yet (404 while it starts)."""

    word = "starting"


class Invalid(EvccError):
    """evcc, or something in its place, answered what is no answer of evcc."""


class BrokerError(RedactedError):
    """The broker cannot be reached, or refuses what the bridge needs."""


class Refused(RedactedError):
    """A command or a request that cannot be done; the text says why and what would be taken."""
