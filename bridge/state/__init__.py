"""What evcc's state looks like as topics: pure, without I/O and without a clock."""
