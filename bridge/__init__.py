"""A bridge between the REST API of evcc and MQTT."""

__version__ = "0.1.0"
