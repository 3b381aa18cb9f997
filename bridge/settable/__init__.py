"""The table of evcc's settings: which there are, what they take, and how a payload is read."""
