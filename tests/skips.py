"""`--no-skips`: a run fails when a test was skipped that this machine should have run."""

import re

import pytest

ALLOWED = (
    r"needs Python 3\.\d+, which is not on this machine",  # Debian packages only one Python
)


class NoSkips:
    """Notes skipped tests, and fails the session for those whose reason is not allowed."""

    def __init__(self) -> None:
        self._skipped: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.skipped and not hasattr(report, "wasxfail"):
            reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
            self._note(report.nodeid, reason)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.skipped:
            self._note(report.nodeid, str(report.longrepr))

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self._skipped and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self._skipped:
            terminalreporter.section("skipped, but should have run (--no-skips)", red=True)
            for line in self._skipped:
                terminalreporter.write_line(line)

    def _note(self, test: str, reason: str) -> None:
        if not any(re.search(allowed, reason) for allowed in ALLOWED):
            self._skipped.append(f"{test}: {reason}")
