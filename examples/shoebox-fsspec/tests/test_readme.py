"""The ini file of the README is one that shoebox takes."""

import re
from pathlib import Path

from oslo_config import cfg

from shoebox_fsspec import FsspecBackend

README = Path(__file__).parents[1] / "README.md"


def test_the_ini_of_the_readme_builds_the_backend(tmp_path):
    path = tmp_path / "shoebox.conf"
    path.write_text(re.search("```ini\n(.*?)```", README.read_text(), re.DOTALL)[1])
    conf = cfg.ConfigOpts()
    conf.register_opts(FsspecBackend.OPTIONS, "shoebox_storage_far")
    conf(["--config-file", str(path)], default_config_files=[])
    with FsspecBackend(**dict(conf.shoebox_storage_far)) as backend:
        assert backend.checksums == {"sha256"}


def test_every_option_is_in_the_readme():
    text = README.read_text()
    assert [it.name for it in FsspecBackend.OPTIONS if f"| `{it.name}` |" not in text] == []
