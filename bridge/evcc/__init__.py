"""The only door to evcc."""
