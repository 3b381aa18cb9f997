"""The rest of evcc's REST API: tariffs, sessions, plans, history, jq, requests and events."""

from bridge.extras.extras import Extras

__all__ = ["Extras"]
