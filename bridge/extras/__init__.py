"""The rest of evcc's REST API: tariffs, sessions, plans, jq, requests and events."""

from bridge.extras.extras import Extras

__all__ = ["Extras"]
