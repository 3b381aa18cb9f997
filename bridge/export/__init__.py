"""Files and configurations that set other programs up: openHAB, Node-RED, Home Assistant, AsyncAPI."""
