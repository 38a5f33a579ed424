"""The classic bugs, put into a copy of the tree one by one: for each a test has to fail.

`python -m tests.faults.bugs [WORD...]` prints which test has caught each bug whose name has
one of the words, of all of them without any, and how long that took. It fails where one was
not caught, and where the tests fail without a bug.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.faults.power_cut.exploring import scratch

ROOT = Path(__file__).parents[2]
_TEST_FAILED = 1
_CRASH = "tests/faults/power_cut/test_crash_states.py"
_LEFT_OUT = shutil.ignore_patterns(
    ".*", "*.so", "__pycache__", "build", "dist", "benchmarks", "docs", "examples", "releasenotes"
)


@dataclass(frozen=True, slots=True)
class Bug:
    """A piece of a source file that is replaced, and the tests that have to fail then."""

    name: str
    file: str
    right: str
    wrong: str
    tests: str
    """A file of tests, and after a blank which of its tests, by what their names have."""

    def source(self, root: Path) -> str:
        """Return the file with the bug in it; raise LookupError where it does not fit any more."""
        text = (root / self.file).read_text()
        if text.count(self.right) != 1:
            raise LookupError(
                f"{self.name}: {self.file} has {text.count(self.right)} times {self.right!r}; "
                "say anew where the bug is put in"
            )
        return text.replace(self.right, self.wrong)


BUGS = (
    Bug(
        "an archive is not synced",
        "shoebox/appending.py",
        "            os.fdatasync(self.fd)\n",
        "            pass\n",
        f"{_CRASH} each-record",
    ),
    Bug(
        "the name of a new archive is not synced",
        "shoebox/archive/openfile.py",
        "        if not self._named:\n",
        "        if False:\n",
        f"{_CRASH} each-record",
    ),
    Bug(
        "the name of a sealed archive is not synced",
        "shoebox/spool.py",
        "        self.directory.sync()\n        return taken\n",
        "        return taken\n",
        f"{_CRASH} each-record",
    ),
    Bug(
        "the open name of a sealed archive comes back",
        "shoebox/archive/openfile.py",
        "        directory.sync()\n        self.path = ",
        "        self.path = ",
        "tests/test_archive_openfile.py before_the_other_goes",
    ),
    Bug(
        "a sealed archive takes the place of another",
        "shoebox/spool.py",
        "            self.directory.link(opened, name + state)\n",
        "            self.directory.rename(opened, name + state)\n",
        "tests/test_archive_openfile.py taken_meanwhile",
    ),
    Bug(
        "an archive is renamed before it is synced",
        "shoebox/archive/writer.py",
        "            self.commit()\n            self._file.publish()\n",
        "            self._file.publish()\n            self.commit()\n",
        f"{_CRASH} at-rolls",
    ),
    Bug(
        "the content of an object is not synced",
        "shoebox/publishing.py",
        "        os.fsync(file.fileno())\n        directory.link(temporary, name)\n",
        "        directory.link(temporary, name)\n",
        "tests/test_plugins_storage_local_backend.py steps_of_a_put",
    ),
    Bug(
        "the name of an object is not synced",
        "shoebox/publishing.py",
        "            directory.remove(temporary)\n            directory.sync()\n",
        "            directory.remove(temporary)\n",
        "tests/test_plugins_storage_local_backend.py steps_of_a_put",
    ),
    Bug(
        "an object is linked before it is synced",
        "shoebox/publishing.py",
        "        os.fsync(file.fileno())\n        directory.link(temporary, name)\n",
        "        directory.link(temporary, name)\n        os.fsync(file.fileno())\n",
        f"{_CRASH} shipped",
    ),
    Bug(
        "the state of a delivery is renamed before it is synced",
        "shoebox/files.py",
        "                os.fsync(file.fileno())\n            self.rename(temporary, name)\n",
        "            self.rename(temporary, name)\n",
        f"{_CRASH} shipped",
    ),
    Bug(
        "a record is acknowledged before the sync",
        "shoebox/roll_manager/current.py",
        "                        if archive.committed < target:\n"
        "                            self._commit(archive)\n",
        "                        pass\n",
        f"{_CRASH} each-record",
    ),
    Bug(
        "sync() returns before the sync",
        "shoebox/roll_manager/current.py",
        "        for archive, target, batch in waiting:\n"
        "            self.commit(archive, target, batch)\n",
        "        waiting.clear()\n",
        f"{_CRASH} now-and-then",
    ),
    Bug(
        "a record is synced while others before it are not",
        "shoebox/roll_manager/current.py",
        "                    self._commit_before(archive)\n",
        "",
        f"{_CRASH} overtaken",
    ),
    Bug(
        "an archive is removed before it is written down that all have it",
        "shoebox/uploader.py",
        "        noted = self._deliveries.note(name, self.name, stand)\n",
        "        if self._deliveries.read(name).stored_in({*self._names} - {self.name}):\n"
        "            self._spool.directory.remove(name)\n"
        "        noted = self._deliveries.note(name, self.name, stand)\n",
        "tests/test_shipper.py promised_order",
    ),
    Bug(
        "an archive is removed when one of two has it",
        "shoebox/delivery.py",
        "        return all(self.stand(name).stored is not None for name in names)\n",
        "        return any(self.stand(name).stored is not None for name in names)\n",
        "tests/test_shipper.py down_holds_up",
    ),
    Bug(
        "a failed sync is tried again",
        "shoebox/appending.py",
        "        except OSError as error:\n            self.finished = True\n",
        "        except OSError as error:\n",
        "tests/test_appending.py never_tried_again",
    ),
    Bug(
        "what a failed sync puts in doubt is not written again",
        "shoebox/roll_manager/succession.py",
        "        self.carried = list(archive.carried())\n",
        "        self.carried = []\n",
        "tests/test_roll_manager_succession.py",
    ),
    Bug(
        "what a failed write has left stays in the file",
        "shoebox/appending.py",
        "            os.ftruncate(self.fd, self.size)\n",
        "            pass\n",
        "tests/test_appending.py",
    ),
    Bug(
        "what a store has is not compared",
        "shoebox/sending.py",
        "        return stored == self._deliveries.checksums(archive.name, stored)\n",
        "        return True\n",
        "tests/test_sending.py wrong_checksum",
    ),
    Bug(
        "an object takes the place of another",
        "shoebox/files.py",
        "        os.link(source, target, src_dir_fd=self.fd, dst_dir_fd=self.fd, "
        "follow_symlinks=False)\n",
        "        os.rename(source, target, src_dir_fd=self.fd, dst_dir_fd=self.fd)\n",
        "tests/test_files.py",
    ),
    Bug(
        "a writer does not lock its archive",
        "shoebox/files.py",
        "            fcntl.flock(fd, fcntl.LOCK_EX)\n",
        "",
        "tests/test_spool.py open_file_is_new",
    ),
    Bug(
        "recovery does not look at the lock",
        "shoebox/files.py",
        "        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)\n",
        "        pass\n",
        "tests/test_archive_recovery.py living_writer",
    ),
    Bug(
        "the checksum of a block is not compared",
        "shoebox/format/section.py",
        "len(stored) != section.stored or codecs.checksum(stored) != section.crc",
        "len(stored) != section.stored",
        "tests/test_format_section.py",
    ),
    Bug(
        "a torn tail is not cut off",
        "shoebox/archive/recovery.py",
        "    os.ftruncate(file.fd, found.end)\n",
        "",
        f"{_CRASH} recovered",
    ),
    Bug(
        "a torn tail is not saved",
        "shoebox/archive/recovery.py",
        "        _save_torn(directory, name, source, found.end)\n",
        "        pass\n",
        "tests/test_archive_recovery.py cut",
    ),
    Bug(
        "a recovered archive is renamed before it is synced",
        "shoebox/archive/recovery.py",
        "        file.append(*found.layout.end(file.size, file.synced))\n        file.sync()\n",
        "        file.append(*found.layout.end(file.size, file.synced))\n",
        f"{_CRASH} recovered",
    ),
    Bug(
        "JSON lines arrive before they are durable here",
        "shoebox/roll_manager/outbox.py",
        "            os.fsync(source.fileno())\n",
        "",
        f"{_CRASH} json",
    ),
    Bug(
        "JSON lines are removed before they have arrived",
        "shoebox/roll_manager/outbox.py",
        "            self._send(file, name)\n",
        "            directory.remove(name)\n            self._send(file, name)\n",
        "tests/test_roll_manager_outbox.py removed",
    ),
)


def main(words: list[str]) -> int:
    """Put in each bug that is asked for; return 1 if one was not caught."""
    chosen = [bug for bug in BUGS if not words or any(word in bug.name for word in words)]
    missed = 0
    with scratch() as folder:
        tree = folder / "tree"
        shutil.copytree(ROOT, tree, ignore=_LEFT_OUT)
        for tests in sorted({bug.tests for bug in chosen}):
            if failed := _failed(tree, tests):
                print(f"without a bug fails: {failed}")
                return 1
        print("| bug | caught by | seconds |\n|---|---|---|")
        for bug in chosen:
            began = time.monotonic()
            with _in(bug, tree):
                failed = _failed(tree, bug.tests)
            missed += not failed
            seconds = time.monotonic() - began
            print(f"| {bug.name} | {failed or '**nothing**'} | {seconds:.1f} |", flush=True)
    return 1 if missed else 0


@contextmanager
def _in(bug: Bug, tree: Path) -> Iterator[None]:
    path = tree / bug.file
    before = path.read_text()
    path.write_text(bug.source(tree))
    try:
        yield
    finally:
        path.write_text(before)


def _failed(tree: Path, tests: str) -> str:
    """Return the name of the first test that fails, none if all pass."""
    file, _, names = tests.partition(" ")
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "--quiet", "--exitfirst"),
            *("--override-ini=addopts=--import-mode=importlib", "-p", "no:cacheprovider"),
            *(file, "-k", names),
        ],
        cwd=tree,
        env={**os.environ, "PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode > _TEST_FAILED:
        raise RuntimeError(f"{tests}: {done.stdout}{done.stderr}")
    return "".join(re.findall(r"^FAILED (\S+)", done.stdout, re.MULTILINE))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
