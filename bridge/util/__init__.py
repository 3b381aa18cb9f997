"""Helpers that know nothing of evcc or MQTT: JSON, backoff, redaction, logging, systemd."""
