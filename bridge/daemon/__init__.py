"""The process: reads the configuration, runs its sites, handles signals, and notifies systemd."""

from bridge.daemon.process import run

__all__ = ["run"]
