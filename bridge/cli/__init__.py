"""The command line: `evcc-bridge`."""

from bridge.cli.main import main

__all__ = ["main"]
