"""Build the brokers that come from Maven, Go and npm into `.cache/brokers`: `python -m tests.brokers.build`.

Versions are pinned in `hivemq/pom.xml`, `mochi/go.sum` and `node/package-lock.json`. What is built already and whose
sources have not changed is not built again.
"""

import fcntl
import hashlib
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

SOURCES = Path(__file__).parent
CACHE = SOURCES.parents[1] / ".cache/brokers"
_BUILD_TIMEOUT = 600.0  # seconds; half a minute where the downloads are quick
_PACKAGES = {"javac": "openjdk-17-jdk-headless", "mvn": "maven", "go": "golang-go", "node": "nodejs", "npm": "npm"}
_JAVA_OPTIONS = ("-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")


class MissingError(Exception):
    """A broker cannot be built on this machine; the text names what is missing."""


def hivemq() -> list[str]:
    """The command that starts HiveMQ CE; port and directory follow."""
    directory = CACHE / "hivemq"
    with _building("hivemq") as needed:
        if needed:
            copy = ["dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={directory}/lib"]
            _run([_program("mvn"), "--quiet", "--batch-mode", "--file", str(SOURCES / "hivemq/pom.xml"), *copy])
            main = str(SOURCES / "hivemq/Main.java")
            _run([_program("javac"), "-cp", f"{directory}/lib/*", "-d", f"{directory}/classes", main])
    return [_program("java"), *_JAVA_OPTIONS, "-cp", f"{directory}/classes:{directory}/lib/*", "Main"]


def mochi() -> list[str]:
    """The command that starts mochi; port and directory follow."""
    program = CACHE / "mochi/broker"
    with _building("mochi") as needed:
        if needed:
            _run([_program("go"), "build", "-o", str(program), "."], SOURCES / "mochi")
    return [str(program)]


def aedes() -> list[str]:
    """The command that starts aedes; port and directory follow."""
    return _node("aedes.js")


def readings() -> list[str]:
    """The command that starts the broker of `node/readings.js`; its reading, port and directory follow."""
    return _node("readings.js")


COMMANDS = {"hivemq": hivemq, "mochi": mochi, "aedes": aedes, "readings": readings}


def command(name: str) -> list[str]:
    """The command that starts a broker, which is built first if need be. MissingError if it cannot be built."""
    return COMMANDS[name]()


def _node(script: str) -> list[str]:
    directory = CACHE / "node"
    with _building("node") as needed:
        if needed:
            shutil.copytree(SOURCES / "node", directory, dirs_exist_ok=True)
            _run([_program("npm"), "ci", "--ignore-scripts", "--no-audit", "--no-fund"], directory)
    return [_program("node"), str(directory / script)]


def _program(name: str) -> str:
    found = shutil.which(name)
    if not found:
        raise MissingError(f"{name} is not installed (Debian: apt-get install {_PACKAGES.get(name, name)})")
    return found


@contextmanager
def _building(name: str) -> Iterator[bool]:
    """Whether this broker must be built, for one process at a time; after a failure it is built anew."""
    directory, stamp = CACHE / name, CACHE / name / ".sources"
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        sources = _digest(SOURCES / name)
        needed = not stamp.exists() or stamp.read_text() != sources
        if needed:
            shutil.rmtree(directory, ignore_errors=True)
            directory.mkdir()
        yield needed
        stamp.write_text(sources)


def _digest(directory: Path) -> str:
    files = sorted(path for path in directory.iterdir() if path.is_file())
    return hashlib.sha256(b"".join(path.name.encode() + path.read_bytes() for path in files)).hexdigest()


def _run(command: Sequence[str], directory: Path | None = None) -> None:
    try:
        subprocess.run(command, cwd=directory, check=True, capture_output=True, text=True, timeout=_BUILD_TIMEOUT)
    except subprocess.CalledProcessError as error:
        raise MissingError(f"{' '.join(command)} failed:\n{(error.stdout + error.stderr)[-1000:].strip()}") from None
    except subprocess.TimeoutExpired:
        raise MissingError(f"{' '.join(command)} took longer than {_BUILD_TIMEOUT:.0f} s") from None


def main() -> int:
    """Build all of them; 1 when one cannot be built."""
    try:
        for name in COMMANDS:
            command(name)
    except MissingError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
