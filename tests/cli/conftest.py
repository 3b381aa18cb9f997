"""Brokers that keep their store in memory, as for the tests of one site."""

from tests.site.conftest import broker

__all__ = ["broker"]
