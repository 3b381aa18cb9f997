"""A table of the suite's results, for people: a line a behaviour, a column a kind of broker."""

from collections import defaultdict

import pytest

_MARKS = {"passed": "yes", "failed": "**no**", "skipped": "–"}


class Table:
    """A plugin of pytest that prints the table at the end."""

    def __init__(self) -> None:
        self._cells: dict[str, dict[str, str]] = defaultdict(dict)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        broker = dict(report.user_properties).get("broker")
        if broker and (report.when == "call" or report.outcome != "passed"):
            behaviour = report.nodeid.rpartition("::test_")[2].replace("_", " ")
            self._cells[behaviour][str(broker)] = _MARKS[report.outcome]

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self._cells:
            terminalreporter.section("brokers")
            terminalreporter.write_line(self.text())

    def text(self) -> str:
        """The table in Markdown."""
        kinds = sorted({kind for row in self._cells.values() for kind in row})
        rows = [["", *kinds], ["---"] * (len(kinds) + 1)]
        rows += [[name, *(row.get(kind, "") for kind in kinds)] for name, row in self._cells.items()]
        return "\n".join(f"| {' | '.join(row)} |" for row in rows)
