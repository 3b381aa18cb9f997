"""A small disk of its own for the broker's store, so that it can be full."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_SIZE = "4m"


class Disk:
    """A file system in memory at `path`, where this process may mount one; else a plain directory, with the reason."""

    def __init__(self, path: Path) -> None:
        path.mkdir(parents=True, exist_ok=True)
        self.path = path
        self.reason = self._mount()

    def close(self) -> None:
        if self.reason is None:
            subprocess.run(["umount", "--lazy", self.path], check=True)

    @contextmanager
    def full(self) -> Iterator[None]:
        """Nothing can be written meanwhile."""
        filler = self.path / "filler"
        with filler.open("wb", buffering=0) as file, suppress(OSError):
            while True:
                file.write(bytes(4096))
        yield
        filler.unlink()

    def _mount(self) -> str | None:
        if os.geteuid() != 0:
            return "only root can mount a small disk"
        command = ["mount", "-t", "tmpfs", "-o", f"size={_SIZE}", "tmpfs", str(self.path)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return done.stderr.strip() or "it cannot be mounted" if done.returncode else None
