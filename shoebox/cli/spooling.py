"""The configuration of `write`: the ini's, and what its arguments change in it."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from oslo_config import cfg

from shoebox import app, config, ini, plugins
from shoebox.cli import configuration
from shoebox.errors import BadWorkingDirectory, ConfigError
from shoebox.files import FOLDER_MODE

_ARGUMENTS = {
    "directory": "directory",
    "template": "filename_template",
    "timeout": "close_timeout",
}


def configured(args: argparse.Namespace, files: Sequence[str]) -> cfg.ConfigOpts:
    """Return the configuration; the directory that an argument names is made."""
    conf = configuration.load(files)
    for argument, option in _ARGUMENTS.items():
        value = getattr(args, argument)
        if value is not None:
            conf.set_override(option, value, group=config.GROUP)
    if args.roll_size_mb is not None:
        _roll_at(conf, args.roll_size_mb)
    if not files and args.directory is None:
        raise ConfigError(
            "nowhere to write: name the spool with --directory DIRECTORY, or an ini file with "
            "--config-file FILE"
        )
    if args.directory is not None:
        directory = Path(args.directory)
        if not directory.exists():
            app.check(conf)
        make(directory)
    return conf


def _roll_at(conf: cfg.ConfigOpts, size: float) -> None:
    """Have archives rolled by size, besides by what the ini names."""
    used = config.instances(conf, "roll_checker")
    sections = [it.section for it in used if it.plugin == "size"]
    if not sections:
        names = [f"{it.name}:{it.plugin}" for it in used]
        conf.set_override("roll_checkers", [*names, "size"], group=config.GROUP)
        sections = [it.section for it in config.instances(conf, "roll_checker")[-1:]]
    options = plugins.options(plugins.load("roll_checker", "size")) or ()
    for section in sections:
        conf.register_opts(options, group=section)
        try:
            conf.set_override("roll_size_mb", size, group=section)
        except ValueError as error:
            option = next(it for it in options if it.dest == "roll_size_mb")
            raise ConfigError(f"--roll-size-mb: {ini.refusal(option, error, str(size))}") from error


def make(directory: Path) -> None:
    """Make the directory, for this user alone, unless it is there."""
    if directory.exists():
        return
    try:
        directory.mkdir(FOLDER_MODE)
    except OSError as error:
        raise BadWorkingDirectory(
            f"{directory}: can't be made: {error.strerror}; make its parent, or name another"
        ) from error
