"""Commands: `/set` topics read, checked, put in order, sent to evcc and answered."""
