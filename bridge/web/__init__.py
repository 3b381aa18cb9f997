"""The page, its API and the metrics; imported only where `web.listen` switches it on."""
