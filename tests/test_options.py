"""The options that shoebox declares: what stands in an ini file, and what it is without one."""

import inspect

import pytest

from shoebox import options
from shoebox.config import register_opts
from shoebox.roll_manager import WritingRollManager

BOTH = [*options.WRITER, *options.STORAGE]
OF_THE_INI_ALONE = {
    *("roll_checkers", "callbacks", "directory", "filename_template"),
    *("metrics", "metrics_host", "metrics_port", "health_max_age"),
}


@pytest.mark.parametrize("option", BOTH, ids=lambda option: option.dest)
def test_each_option_says_what_it_is_for(option):
    assert option.help.endswith(".")
    assert not option.secret


def test_no_option_is_declared_twice():
    assert len({option.dest for option in BOTH}) == len(BOTH)


def test_what_the_ini_leaves_out_is_what_python_leaves_out():
    """Each option of a writer is a keyword of the manager, with the same default."""
    parameters = inspect.signature(WritingRollManager).parameters
    for option in options.WRITER:
        if option.dest in OF_THE_INI_ALONE:
            continue
        default = parameters[option.dest].default
        assert (list(default) if isinstance(default, tuple) else default) == option.default


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("durability", "sometimes"),
        ("sync_interval", "0"),
        ("compression", "lzma"),
        ("format_version", "0"),
        ("format_version", "3"),
        ("spool_limit_mb", "0"),
        ("spool_limit_mb", "much"),
        ("on_full", "drop"),
        ("on_full_timeout", "-1"),
        ("close_timeout", "-0.5"),
    ],
)
def test_a_value_out_of_range_is_refused_by_name(ini, option, value):
    conf = ini(f"[shoebox]\n{option} = {value}\n")
    register_opts(conf)
    with pytest.raises(ValueError, match=option):
        _ = conf.shoebox[option]


def test_values_at_the_edge_and_fractions_are_taken(ini):
    conf = ini(
        "[shoebox]\nsync_interval = 0.001\nspool_limit_mb = 0.5\non_full_timeout = 0\n"
        "close_timeout = 0\nstorage =\nroll_checkers = size, time\n"
    )
    register_opts(conf)
    found = conf.shoebox
    assert (found.sync_interval, found.spool_limit_mb) == (0.001, 0.5)
    assert (found.on_full_timeout, found.close_timeout) == (0.0, 0.0)
    assert (found.storage, found.roll_checkers) == ([], ["size", "time"])
