"""The log never blocks: a reader that stalls costs lines, which are counted."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from threading import Thread

import pytest

from bridge.util.log_writer import LogWriter

ROOT = Path(__file__).parents[2]
LINES = 20_000
PROGRAM = f"""
import sys
import structlog
from bridge.util import logging
logging.configure(style="json")
log = structlog.get_logger()
for number in range({LINES}):
    log.info("line", number=number, text="x" * 200)
print("done", flush=True)
sys.stdin.readline()
log.info("last")
"""


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reader, writer = os.pipe()
    yield reader, writer
    for descriptor in (reader, writer):
        with suppress(OSError):
            os.close(descriptor)


@pytest.fixture
def program() -> Iterator["subprocess.Popen[str]"]:
    """A program that has logged more than waits to be read, and that goes on when it gets a line."""
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "done\n"
        yield process
        process.kill()


def test_a_log_that_is_not_read_blocks_neither_the_program_nor_its_end(program: "subprocess.Popen[str]") -> None:
    assert program.stdin
    program.stdin.close()
    assert program.wait(20) == 0


def test_lost_lines_are_counted_when_the_log_is_read_again(program: "subprocess.Popen[str]") -> None:
    assert program.stderr
    found: list[dict[str, object]] = []
    for line in program.stderr:
        found.append(json.loads(line))
        if found[-1]["event"] != "line":
            break
    report = found.pop()
    assert report["level"] == "warning"
    assert [line["number"] for line in found] == list(range(len(found)))
    assert report["lines"] == LINES - len(found) > 0
    program.communicate("go on\n")


def test_all_is_written_at_the_end() -> None:
    program = PROGRAM.replace(str(LINES), "1000")
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, input="\n", capture_output=True, text=True, check=True
    )
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert [line.get("number") for line in lines] == [*range(1000), None]
    assert lines[-1]["event"] == "last"


def test_a_pipe_that_another_process_made_non_blocking(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    os.set_blocking(writer, False)
    log = LogWriter(writer)
    for _ in range(100):
        log.write("x" * 9_999)
    read = bytearray()
    while len(read) < 1_000_000:
        read += os.read(reader, 1_000_000)
    log.flush(5)
    assert read == (b"x" * 9_999 + b"\n") * 100


def test_a_reader_that_is_gone(pipe: tuple[int, int]) -> None:
    os.close(pipe[0])
    log = LogWriter(pipe[1])
    log.write("not read")
    log.flush(5)
    assert not log._waiting


def test_flush_ends_though_nobody_reads(pipe: tuple[int, int]) -> None:
    log = LogWriter(pipe[1])
    log.write("x" * 100_000)  # a pipe holds 64 kB
    flushing = Thread(target=log.flush, args=(0.05,), daemon=True)
    flushing.start()
    flushing.join(10)
    assert not flushing.is_alive()
    assert log._waiting
    left = 100_001
    while left:  # else the thread writes on into whatever gets the same descriptor
        left -= len(os.read(pipe[0], left))
    log.flush(5)


def test_characters_that_are_no_text(pipe: tuple[int, int]) -> None:
    LogWriter(pipe[1]).warning("Z\udcff")
    assert os.read(pipe[0], 100) == b"Z\\udcff\n"
