"""What other programs show and set, generated from the catalogue and the state."""
