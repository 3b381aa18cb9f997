"""The scripts on a machine that lacks something; the stand-in for apt-get only writes down what it is told."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TOOLS = ("bash", "dirname", "basename", "cat", "env")


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A directory with hardly any program in it, to be the whole PATH."""
    path = tmp_path / "bin"
    path.mkdir()
    for tool in TOOLS:
        (path / tool).symlink_to(shutil.which(tool) or tool)
    program(path, "id", "echo 0")
    return path


def program(path: Path, name: str, body: str) -> None:
    (path / name).write_text(f"#!{shutil.which('bash')}\n{body}\n")
    (path / name).chmod(0o755)


def lib(machine: Path, command: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run a function of scripts/lib.sh on that machine."""
    script = f'source {ROOT}/scripts/lib.sh; PATH="{machine}"; {command}'
    everything = {name: text for name, text in os.environ.items() if name != "PYTHON"} | env
    return subprocess.run(["bash", "-c", script], env=everything, capture_output=True, text=True, check=False)


def test_without_apt_it_says_what_to_install(machine: Path) -> None:
    result = lib(machine, "apt_install mosquitto python3-venv")
    assert result.returncode == 1
    assert (
        result.stderr == "missing: mosquitto python3-venv. There is no apt-get here: please install these yourself.\n"
    )


def test_root_installs(machine: Path, tmp_path: Path) -> None:
    program(machine, "apt-get", f'echo "$@" >> {tmp_path}/calls')
    assert lib(machine, "apt_install mosquitto").returncode == 0
    update, install = (tmp_path / "calls").read_text().splitlines()
    assert update.startswith("update")
    assert install.split()[0] == "install"
    assert install.split()[-1] == "mosquitto"


def test_others_install_by_sudo(machine: Path, tmp_path: Path) -> None:
    program(machine, "id", "echo 1000")
    program(machine, "apt-get", f'echo "$@" >> {tmp_path}/calls')
    result = lib(machine, "apt_install mosquitto")
    assert (result.returncode, result.stderr) == (1, "missing: mosquitto. As root: apt-get install mosquitto\n")
    program(machine, "sudo", f'echo sudo >> {tmp_path}/calls; exec "$@"')
    assert lib(machine, "apt_install mosquitto").returncode == 0
    assert [line.split()[0] for line in (tmp_path / "calls").read_text().splitlines()] == [
        "sudo",
        "update",
        "sudo",
        "install",
    ]


def test_only_what_is_missing_is_installed(machine: Path, tmp_path: Path) -> None:
    program(machine, "apt-get", f'echo "$@" >> {tmp_path}/calls')
    program(machine, "there", "exit 0")
    assert lib(machine, "need there:one no-such-program:two no-other-program:three").returncode == 0
    assert (tmp_path / "calls").read_text().splitlines()[-1].split()[-3:] == ["--no-install-recommends", "two", "three"]
    (tmp_path / "calls").unlink()
    assert lib(machine, "need there:one").returncode == 0
    assert not (tmp_path / "calls").exists()


def test_an_old_python_is_not_taken(machine: Path) -> None:
    program(machine, "python3", "exit 1")
    result = lib(machine, "find_python")
    assert result.returncode == 1
    assert "Python 3.11 or newer is needed" in result.stderr


def test_the_python_that_is_named_comes_first(machine: Path) -> None:
    program(machine, "python3", "exit 0")
    program(machine, "mine", "exit 0")
    assert lib(machine, "find_python").stdout.strip() == f"{machine}/python3"
    assert lib(machine, "find_python", PYTHON="mine").stdout.strip() == f"{machine}/mine"


def test_an_environment_is_made_once(machine: Path, tmp_path: Path) -> None:
    for tool in ("sha256sum", "cut"):
        (machine / tool).symlink_to(shutil.which(tool) or tool)
    python = f'echo "$@" >> {tmp_path}/calls; [ "$1" != --version ] || echo Python 3.11.99'
    program(
        machine,
        "python3",
        f'{python}; [ "$2" != venv ] || {{ [ -d "$4/bin" ] || mkdir -p "$4/bin"; cp "$0" "$4/bin/python"; }}',
    )
    for tool in ("mkdir", "cp"):
        (machine / tool).symlink_to(shutil.which(tool) or tool)
    environment = f"environment {tmp_path}/venv {machine}/python3 dev"
    assert lib(machine, environment).returncode == 0
    calls = (tmp_path / "calls").read_text()
    assert "pip install" in calls
    assert "--no-deps --require-hashes" in calls
    (tmp_path / "calls").write_text("")
    assert lib(machine, environment).returncode == 0
    assert "pip install" not in (tmp_path / "calls").read_text()


@pytest.mark.parametrize(
    ("arguments", "called"), [((), "-m bridge demo"), (("check", "--quick"), "-m bridge check --quick")]
)
def test_run_installs_what_running_needs_and_nothing_else(
    tmp_path: Path, arguments: tuple[str, ...], called: str
) -> None:
    (tmp_path / "scripts").mkdir()
    shutil.copy(ROOT / "scripts/run", tmp_path / "scripts")
    notes = 'need() { :; }\nfind_python() { echo python3; }\nenvironment() { echo "$@"; }\n'
    (tmp_path / "scripts/lib.sh").write_text((ROOT / "scripts/lib.sh").read_text() + notes)
    (tmp_path / ".venv-run/bin").mkdir(parents=True)
    program(tmp_path / ".venv-run/bin", "python", 'echo "$@"')
    environment = {"PATH": os.environ["PATH"]}
    command = [str(tmp_path / "scripts/run"), *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [".venv-run python3 demo", called]
