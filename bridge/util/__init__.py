"""Small tools that know nothing of evcc or MQTT topics."""
