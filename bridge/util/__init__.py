"""Helpers that depend on neither evcc nor MQTT: JSON, backoff, redaction, logging, systemd."""
