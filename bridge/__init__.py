"""A bridge between the REST API of evcc and MQTT."""
