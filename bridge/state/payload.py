"""Re-exports, until everything imports from `bridge.state.flatten` and `bridge.state.values`."""

from bridge.state.flatten import payload
from bridge.state.values import is_number, is_series, text, unix_seconds, without_secrets

__all__ = ["is_number", "is_series", "payload", "text", "unix_seconds", "without_secrets"]
