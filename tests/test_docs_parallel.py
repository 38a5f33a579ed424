"""What the docs show of reading in parallel is run as it stands there."""

import re
import subprocess
import sys

from shoebox.archive import ArchiveWriter
from tests.program import ROOT, environment


def test_the_example_counts_what_matches_in_all_shares(tmp_path):
    page = (ROOT / "docs" / "parallel.md").read_text()
    [example] = re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    (tmp_path / "count.py").write_text(example)
    for name in ("a.events", "b.events"):
        with ArchiveWriter(tmp_path / name) as writer:
            for number in range(100):
                level = "error" if number % 10 == 0 else "info"
                writer.write({"host": f"web{number}"}, f'{{"level": "{level}"}}')
                writer.write({"host": "db1"}, '{"level": "error"}')
                writer.flush()
    done = subprocess.run(
        [sys.executable, "count.py"],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert (done.stdout, done.stderr) == ("20\n", "")
