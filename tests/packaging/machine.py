"""A Debian of its own, booted with systemd by systemd-nspawn: what a user's machine does with the package."""

import os
import platform
import shutil
import signal
import socket
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.patience import PATIENCE

_HALT = signal.SIGRTMIN + 4  # systemd's own: power off
_INCLUDED = "ca-certificates,dbus,python3,systemd,systemd-sysv"
_POLICY = "/usr/sbin/policy-rc.d"
_LEADER = "X_NSPAWN_LEADER_PID="


def missing() -> str | None:
    """Why this machine cannot boot another one, or None when it can."""
    if os.geteuid() != 0:
        return "needs root, to boot a Debian in a container"
    for program in ("debootstrap", "systemd-nspawn", "dpkg-deb"):
        if not shutil.which(program):
            return f"{program} is missing: apt-get install debootstrap systemd-container"
    return None


def bootstrap(cache: Path) -> Path:
    """The file tree of a minimal Debian of this machine's release, made once (half a minute) and kept."""
    codename = platform.freedesktop_os_release()["VERSION_CODENAME"]
    tree = cache / f"debian-{codename}"
    if not tree.exists():
        cache.mkdir(parents=True, exist_ok=True)
        fresh = cache / f"{tree.name}.{os.getpid()}"
        command = ["debootstrap", "--variant=minbase", f"--include={_INCLUDED}", codename, str(fresh)]
        subprocess.run(command, check=True, capture_output=True)
        fresh.rename(tree)
    return tree


class Machine:
    """A running Debian over a file tree that stays as it is. The network is this machine's."""

    def __init__(self, tree: Path, directory: Path) -> None:
        self._tree = tree
        self._directory = directory
        self._root = directory / "root"
        self._leader = 0
        self._nspawn: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self._mount()
        try:
            self._boot()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        self._end()

    def run(self, *command: str, check: bool = True) -> str:
        """Run a command inside, and return what it says; AssertionError with that if it fails."""
        enter = ["nsenter", f"--target={self._leader}", "--all", "--wdns=/", "env", "-i", "PATH=/usr/sbin:/usr/bin"]
        command_line = [*enter, *command]
        done = subprocess.run(command_line, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert not check or done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}"
        return done.stdout

    def path(self, inside: str) -> Path:
        """A file of the machine, as seen from outside."""
        return self._root / inside.removeprefix("/")

    def copy(self, file: Path) -> str:
        """Put a file into the machine; its path there."""
        shutil.copy(file, self.path("/root"))
        return f"/root/{file.name}"

    def write(self, inside: str, text: str) -> None:
        """Write a file, and the directories that lead to it."""
        file = self.path(inside)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def forbid_starts(self) -> None:
        """Let packages start nothing when they are installed, as an administrator can demand it."""
        policy = self.path(_POLICY)
        policy.write_text("#!/bin/sh\nexit 101\n")
        policy.chmod(0o755)

    def allow_starts(self) -> None:
        """Let packages start what they bring, as it is without an administrator's word."""
        self.path(_POLICY).unlink()

    def _mount(self) -> None:
        for name in ("upper", "work", "root"):
            (self._directory / name).mkdir(parents=True)
        layers = f"lowerdir={self._tree},upperdir={self._directory}/upper,workdir={self._directory}/work"
        subprocess.run(["mount", "-t", "overlay", "overlay", "-o", layers, self._root], check=True)

    def _boot(self) -> None:
        """Start it, and wait until its systemd says that it is up."""
        address = self._directory / "notify"
        options = ("--boot", "--quiet", "--register=no", "--keep-unit", "--notify-ready=yes", "--console=pipe")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notified, (self._directory / "log").open("wb") as log:
            notified.bind(str(address))
            notified.settimeout(PATIENCE)
            self._nspawn = subprocess.Popen(
                ["systemd-nspawn", *options, f"--directory={self._root}"],
                env={**os.environ, "NOTIFY_SOCKET": str(address)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
            self._await_ready(notified)

    def _await_ready(self, notified: socket.socket) -> None:
        ready = False
        while not (ready and self._leader):
            for line in notified.recv(4_096).decode().splitlines():
                ready |= line == "READY=1"
                if line.startswith(_LEADER):
                    self._leader = int(line.removeprefix(_LEADER))

    def _end(self) -> None:
        if self._leader:
            os.kill(self._leader, _HALT)
        if self._nspawn:
            try:
                self._nspawn.wait(PATIENCE if self._leader else 0)
            except subprocess.TimeoutExpired:
                self._nspawn.kill()
                self._nspawn.wait()
        subprocess.run(["umount", "--lazy", self._root], check=True)
