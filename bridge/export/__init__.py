"""Files that set other programs up: openHAB, Node-RED."""
