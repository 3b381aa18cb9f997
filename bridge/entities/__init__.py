"""What other programs show and set: devices with entities, made of evcc's state and of the table of settings."""
