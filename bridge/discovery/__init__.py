"""Home Assistant: announces everything that it can show and set."""
