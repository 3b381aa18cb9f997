"""What evcc's values are: the settings and the readings, as data without logic."""
