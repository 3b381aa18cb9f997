"""Commands: messages on `/set` topics, queued, sent to evcc and answered."""
