"""The image as its Dockerfile says, without an engine: its steps run, and its program is started, in namespaces.

In the place of the base image stand this machine, and a Python at `/usr/local` as the base image has it. What this
cannot show is what an engine adds: the base image's own files, layers, and other architectures.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
Instruction = tuple[str, str]

# $PYTHON and $OPT are put where the image has them
_MOUNTS = "mount --bind $PYTHON /usr/local; mount --bind $OPT /opt; "
# nothing writable and no capabilities, as under docker-compose.yml
_SEALED = "for one in /usr/local /opt /; do mount -o remount,bind,ro $one; done; "
_AS_USER = "setpriv --reuid={0} --regid={1} --clear-groups --bounding-set=-all --inh-caps=-all --no-new-privs"
_ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "LD_LIBRARY_PATH": "/usr/local/lib"}


def missing() -> str | None:
    """Why this machine cannot run a container, or None when it can."""
    if os.geteuid() != 0:
        return "needs root, to make a container"
    for program in ("unshare", "nsenter", "setpriv"):
        if not shutil.which(program):
            return f"{program} is missing: apt-get install util-linux"
    return None if (_python() / "bin/python").exists() else "needs a Python with a prefix of its own, to be /usr/local"


class Image:
    """What the Dockerfile makes, below a directory."""

    def __init__(self, directory: Path) -> None:
        self._opt = directory / "opt"
        self._context = directory / "build"
        first, last = _stages()
        self._build, self._last = first, dict(last)

    def build(self) -> None:
        """Run the steps of the first stage; the second only takes what came of it."""
        self._opt.mkdir()
        self._context.mkdir()
        environment = {name: text for name, text in os.environ.items() if name != "PIP_FIND_LINKS"}
        for name, what in self._build:
            if name == "COPY":
                self._copy(*what.split())
            if name == "RUN":
                command = ["unshare", "--mount", "sh", "-ec", _MOUNTS + what]
                subprocess.run(
                    command, cwd=self._context, env=environment | self._places(), check=True, capture_output=True
                )

    @property
    def start(self) -> list[str]:
        """The command that starts a container, whose program is the first process of its own."""
        script = _MOUNTS + _SEALED + self._enter
        words = json.loads(self._last["ENTRYPOINT"]) + json.loads(self._last["CMD"])
        return ["unshare", "--mount", "--pid", "--fork", "--mount-proc", "sh", "-ec", script, "sh", *words]

    def healthcheck(self, pid: int) -> list[str]:
        """The command that looks after the container whose program has this process id here."""
        words = json.loads(self._last["HEALTHCHECK"].partition(" CMD ")[2])
        return ["nsenter", f"--target={pid}", "--mount", "--pid", "sh", "-ec", self._enter, "sh", *words]

    def environment(self, **options: str) -> dict[str, str]:
        """All that a container is told."""
        return self._places() | options

    @property
    def _enter(self) -> str:
        """As the user and in the environment of the last stage."""
        user = _AS_USER.format(*self._last["USER"].split(":"))
        return f'export {self._last["ENV"]}; cd /; exec {user} "$@"'

    def _places(self) -> dict[str, str]:
        return _ENVIRONMENT | {"PYTHON": str(_python()), "OPT": str(self._opt)}

    def _copy(self, *words: str) -> None:
        *sources, to = words
        target = self._context / to
        for source in sources:
            path = ROOT / source
            if path.is_dir():
                shutil.copytree(path, target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                target.mkdir(exist_ok=True)
                shutil.copy(path, target)


def user_of(pid: int) -> set[str]:
    """The users and groups that a process has: real, effective, saved and for files."""
    status = Path(f"/proc/{pid}/status").read_text()
    return {one for line in re.findall(r"^[UG]id:\t(.*)$", status, re.MULTILINE) for one in line.split()}


def _stages() -> Iterator[list[Instruction]]:
    text = (ROOT / "Dockerfile").read_text().replace("\\\n", "")
    for stage in re.split(r"^FROM .*\n", text, flags=re.MULTILINE)[1:]:
        yield re.findall(r"^([A-Z]+) +(.*)$", stage, re.MULTILINE)


def _python() -> Path:
    """The prefix of the Dockerfile's Python where this machine has it, else of the one that runs the tests."""
    version = re.search(r"^FROM python:([\d.]+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert version
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    return next(pyenv.glob(f"versions/{version[1]}.*"), Path(sys.base_prefix))
