"""The example service keeps everything, and what the guide says of embedding is so."""

import json
import re
import signal
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

from shoebox.roll_manager import ReadingRollManager
from tests.program import ROOT, environment

EXAMPLE = ROOT / "examples" / "embedding"
PROCESSES, THREADS = 3, 3
SECONDS = 120


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "spool").mkdir(mode=0o700)
    (tmp_path / "archives").mkdir()
    return tmp_path


def service(folder: Path, conf: Path = EXAMPLE / "service.conf") -> subprocess.Popen[str]:
    """Start the example as its docstring says, where any warning is an error."""
    return subprocess.Popen(
        [sys.executable, "-W", "error", EXAMPLE / "service.py", "--config-file", conf],
        cwd=folder,
        env=environment(),
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_service_ends_by_a_signal_and_every_record_of_each_thread_is_stored(
    folder: Path, number: signal.Signals
) -> None:
    with service(folder) as running:
        started = 0
        while started < PROCESSES * THREADS:
            started += "the first record is written" in running.stderr.readline()
        running.send_signal(number)
        _, log = running.communicate(timeout=SECONDS)
    assert running.returncode == 0, log
    wrote = {who: int(count) for who, count in re.findall(r"(\d+/\d): wrote (\d+) records", log)}
    assert len(wrote) == PROCESSES * THREADS
    assert stored(folder) == {who: [*range(count)] for who, count in wrote.items()}
    assert list((folder / "spool").iterdir()) == []
    # one for each process, which the library has told the service's own log
    assert len(re.findall(r"INFO shoebox\.\S+ .*: sealed with \d+ records", log)) == PROCESSES


def stored(folder: Path) -> dict[str, list[int]]:
    """Return the numbers that each thread wrote, in the order of reading."""
    found = defaultdict(list)
    with ReadingRollManager("*.events", folder / "archives") as reader:
        for metadata, payload in reader:
            who = f"{metadata['process']}/{metadata['thread']}"
            found[who].append(json.loads(payload)["number"])
        assert reader.faults == []
    return found


def test_what_is_wrong_in_its_ini_is_said_before_it_begins(folder: Path) -> None:
    conf = folder / "service.conf"
    conf.write_text((EXAMPLE / "service.conf").read_text().replace("roll_size_mb", "roll_size_bm"))
    with service(folder, conf) as running:
        _, log = running.communicate(timeout=SECONDS)
    assert running.returncode == 2
    assert "did you mean 'roll_size_mb'?" in log


WRITER = """
import json, logging, os, signal, sys, threading
def state():
    root, ours = logging.getLogger(), logging.getLogger("shoebox")
    logs = (str(root.handlers), root.level, str(ours.handlers), ours.level, ours.propagate)
    umask = os.umask(0o22)
    os.umask(umask)
    hooks = str(sys.excepthook), str(threading.excepthook)
    return {"signals": signals(), "logs": logs, "cwd": os.getcwd(), "umask": umask,
            "environment": dict(os.environ), "hooks": hooks}
def signals():
    return {int(it): str(signal.getsignal(it)) for it in signal.valid_signals()}
def threads():
    return [it.name for it in threading.enumerate()]
before = state()
from oslo_config import cfg
from shoebox.app import build_writer
conf = cfg.ConfigOpts()
conf(["--config-file", sys.argv[1]])
"""


def told(folder: Path, program: str) -> object:
    """Return what a program says that has the configuration of the example in `conf`."""
    done = subprocess.run(
        [sys.executable, "-c", f"{WRITER}{program}", EXAMPLE / "service.conf"],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
        timeout=SECONDS,
    )
    assert done.stderr == ""
    return json.loads(done.stdout)


def test_no_thread_runs_before_the_first_write_nor_after_the_writer_is_closed(
    folder: Path,
) -> None:
    program = """
writer = build_writer(conf)
seen = [threads()]
writer.write({}, "")
seen.append(threads())
others = [it for it in threading.enumerate() if it is not threading.current_thread()]
writer.close()
for thread in others:
    thread.join(60)
print(json.dumps([*seen, threads()]))
"""
    before, while_writing, after = told(folder, program)
    assert before == after == ["MainThread"]
    ours = {"shoebox-ticker", "shoebox-sealer", "shoebox-callbacks", "local"}
    assert {*while_writing} == {"MainThread", *ours}


def test_shipping_alone_begins_before_the_first_write_where_archives_wait(folder: Path) -> None:
    program = """
from shoebox import config
config.register_opts(conf)
conf.set_override("storage", [], group="shoebox")
with build_writer(conf) as writer:
    writer.write({}, "")
conf.clear_override("storage", group="shoebox")
with build_writer(conf) as writer:
    print(json.dumps(threads()))
"""
    assert told(folder, program) == ["MainThread", "local"]
    assert len([*(folder / "archives").glob("*.events")]) == 1


def test_nothing_of_the_process_is_changed(folder: Path) -> None:
    """Neither signal handlers nor logging, hooks, environment, umask or directory."""
    program = """
with build_writer(conf) as writer:
    writer.write({}, "")
    during = state()
print(json.dumps([before, during, state()]))
"""
    before, during, after = told(folder, program)
    assert before == during == after


def test_the_global_configuration_is_left_alone_and_writers_share_nothing(folder: Path) -> None:
    (folder / "other").mkdir(mode=0o700)
    program = """
other = cfg.ConfigOpts()
other([])
from shoebox import config
config.register_opts(other, "elsewhere")
other.set_override("directory", "other", group="elsewhere")
with build_writer(conf) as writer, build_writer(other, group="elsewhere") as second:
    writer.write({}, "")
    second.write({}, "")
print(json.dumps(list(cfg.CONF)))
"""
    assert not {"shoebox", "elsewhere"} & {*told(folder, program)}
    assert [len([*(folder / it).glob("*.events")]) for it in ("archives", "other")] == [1, 1]
