"""The ini files that the command line names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from oslo_config import cfg, iniparser

from shoebox import config
from shoebox.errors import ConfigError


def load(files: Sequence[str]) -> cfg.ConfigOpts:
    """Return what these files hold; of a key that stands in several the last one counts."""
    conf = cfg.ConfigOpts()
    arguments = [argument for file in files for argument in ("--config-file", file)]
    try:
        conf(arguments, project="shoebox", default_config_files=[], default_config_dirs=[])
    except cfg.ConfigFileParseError as error:
        raise ConfigError(_place(error)) from None
    except cfg.Error as error:
        raise ConfigError(str(error)) from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(_unreadable(files, error)) from error
    config.register_opts(conf)
    return conf


def required(files: Sequence[str]) -> cfg.ConfigOpts:
    """Return what the files hold; raise ConfigError if none is named."""
    if not files:
        raise ConfigError("no configuration: name the ini file with --config-file FILE")
    return load(files)


def _unreadable(files: Sequence[str], error: OSError | UnicodeDecodeError) -> str:
    """Say which file can't be read as text, and why."""
    if isinstance(error, OSError):
        return f"{error.filename}: can't be read: {error.strerror}; name an ini file"
    return f"{next(filter(_is_binary, files), files[-1])}: is no text in UTF-8; name an ini file"


def _is_binary(file: str) -> bool:
    try:
        Path(file).read_bytes().decode()
    except UnicodeDecodeError:
        return True
    return False


def _place(error: cfg.ConfigFileParseError) -> str:
    """Say where a file is wrong, but not what stands there: it may be a secret."""
    cause = error.__context__
    line = f":{cause.lineno}" if isinstance(cause, iniparser.ParseError) else ""
    return f"{error.config_file}{line}: is neither [section] nor key = value: correct the line"
