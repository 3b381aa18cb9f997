"""A run with `--no-skips`, of tests made here, alone and by workers."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SKIPPED = "import pytest\n@pytest.mark.skip(reason={reason!r})\ndef test_it(): pass\ndef test_other(): pass\n"
MISSING = "debootstrap is missing"
NO_PYTHON = "Home Assistant needs Python 3.13, which is not on this machine"


def run(directory: Path, text: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Run a file of tests with the project's conftest."""
    (directory / "test_made.py").write_text(text)
    plugins = ("-p", "tests.conftest", "-c", str(ROOT / "pyproject.toml"), f"--rootdir={directory}")
    command = [sys.executable, "-m", "pytest", *plugins, *options, str(directory / "test_made.py")]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("workers", [(), ("-n", "1")], ids=["alone", "workers"])
def test_a_skipped_test_fails_the_run_and_is_named(tmp_path: Path, workers: tuple[str, ...]) -> None:
    done = run(tmp_path, SKIPPED.format(reason=MISSING), "--no-skips", *workers)
    assert done.returncode == pytest.ExitCode.TESTS_FAILED, done.stdout
    assert f"test_made.py::test_it: Skipped: {MISSING}" in done.stdout
    assert "1 passed, 1 skipped" in done.stdout.splitlines()[-1]


def test_a_module_that_skips_itself_fails_the_run(tmp_path: Path) -> None:
    text = "import pytest\npytest.skip('nothing here', allow_module_level=True)\n"
    done = run(tmp_path, text + "\n", "--no-skips")
    assert done.returncode != 0
    assert "nothing here" in done.stdout


@pytest.mark.parametrize(("reason", "options"), [(NO_PYTHON, ("--no-skips",)), (MISSING, ())])
def test_an_allowed_reason_and_a_run_without_the_option_pass(
    tmp_path: Path, reason: str, options: tuple[str, ...]
) -> None:
    assert run(tmp_path, SKIPPED.format(reason=reason), *options).returncode == 0
