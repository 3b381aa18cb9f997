"""The real client programs: installed once a machine, exactly as locked, outside the repository."""

import fcntl
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.patience import PATIENCE

# made by `npm install --package-lock-only --omit-lockfile-registry-resolved`
NODE_FILES = tuple(Path(__file__).with_name("node") / name for name in ("package.json", "package-lock.json"))
HOME_ASSISTANT_LOCK = Path(__file__).parents[2] / "requirements/home-assistant.txt"
_INSTALLATION = 900  # seconds; Home Assistant takes three minutes on a small machine
# not below a directory like ~/.cache: the dashboard's web server finds no file whose path has a dot in front
_CACHE = Path(os.environ.get("EVCC_BRIDGE_TESTS_CACHE") or f"/var/tmp/evcc-bridge-tests-{os.getuid()}")


class MissingError(Exception):
    """A program cannot be had on this machine; the text says why."""


def node_modules() -> Path:
    """The directory with Node-RED, its dashboard, mqtt.js and axe-core."""
    node, npm = _program("node"), _program("npm")
    if int(_output([node, "-p", "process.versions.node.split('.')[0]"])) < 18:
        raise MissingError("Node-RED 4 needs Node 18 or newer")
    directory = _CACHE / "node"
    with _installing(directory, "".join(file.read_text() for file in NODE_FILES)) as needed:
        if needed:
            for file in NODE_FILES:
                shutil.copy(file, directory)
            _run([npm, "ci", "--no-audit", "--no-fund"], directory)
    return directory / "node_modules"


def axe() -> str:
    """The source of axe-core, which finds what keeps people from using a page."""
    return (node_modules() / "axe-core/axe.min.js").read_text()


def chromium() -> str:
    """Debian's Chromium, or Chrome."""
    found = shutil.which("chromium") or shutil.which("google-chrome")
    if not found:
        raise MissingError("chromium is not installed")
    return found


def home_assistant() -> Path:
    """The Python that has Home Assistant."""
    directory = _CACHE / "home-assistant"
    python = directory / "bin/python"
    with _installing(directory, HOME_ASSISTANT_LOCK.read_text()) as needed:
        if needed:
            _run([_python_313(), "-m", "venv", str(directory)], directory)
            install = ("install", "--quiet", "--no-deps", "--require-hashes", "-r", str(HOME_ASSISTANT_LOCK))
            _run([str(python), "-m", "pip", *install], directory)
    return python


def mosquitto_clients() -> tuple[str, str]:
    """`mosquitto_sub` and `mosquitto_pub`."""
    return _program("mosquitto_sub"), _program("mosquitto_pub")


def _program(name: str) -> str:
    found = shutil.which(name)
    if not found:
        raise MissingError(f"{name} is not installed")
    return found


def _python_313() -> str:
    """Home Assistant 2025.4 wants this Python and no other."""
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    candidates = [*pyenv.glob("3.13.*/bin/python"), *map(Path, filter(None, [shutil.which("python3.13")]))]
    for candidate in candidates:
        with_version = [str(candidate), "-c", "import sys; print(sys.version_info[:2] == (3, 13))"]
        if _output(with_version) == "True":
            return str(candidate)
    raise MissingError("Home Assistant needs Python 3.13, which is not on this machine")


@contextmanager
def _installing(directory: Path, wanted: str) -> Iterator[bool]:
    """Whether an installation is needed, for one process at a time; what is half done is done again."""
    stamp = directory / ".installed"
    directory.mkdir(parents=True, exist_ok=True)
    with (directory.with_suffix(".lock")).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        needed = not stamp.exists() or stamp.read_text() != wanted
        if needed:
            shutil.rmtree(directory)
            directory.mkdir()
        yield needed
        stamp.write_text(wanted)


def _run(command: Sequence[str], directory: Path) -> None:
    try:
        subprocess.run(command, cwd=directory, check=True, capture_output=True, text=True, timeout=_INSTALLATION)
    except subprocess.CalledProcessError as error:
        raise MissingError(f"{' '.join(command)} failed: {(error.stderr or error.stdout)[-300:].strip()}") from None
    except subprocess.TimeoutExpired:
        raise MissingError(f"{' '.join(command)} took too long") from None


def _output(command: Sequence[str]) -> str:
    found = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    return found.stdout.strip()


if __name__ == "__main__":  # installs all of them; what cannot be had, its tests report
    for install in (node_modules, home_assistant):
        with suppress(MissingError):
            install()
