"""What the parsed files hold: valid values, and keys that no option knows."""

import logging
import traceback

import pytest
from oslo_config import cfg, types

from shoebox import ini as reading
from shoebox.errors import ConfigError

OPTIONS = (
    cfg.StrOpt("path", required=True),
    cfg.IntOpt("retries", default=3, min=0),
    cfg.FloatOpt("ratio", default=0.5),
    cfg.StrOpt("password", secret=True),
    cfg.IntOpt("pin", secret=True),
    cfg.StrOpt("renamed", deprecated_name="old-name"),
)


def values(conf):
    conf.register_opts(list(OPTIONS), group="mine")
    return reading.values(conf, "mine", OPTIONS)


def refusal(conf):
    with pytest.raises(ConfigError) as caught:
        values(conf)
    return caught.value


def test_values_are_of_their_options_types(ini):
    found = values(ini("[mine]\npath = /a\nretries = 7\n"))
    assert found == {
        "path": "/a",
        "retries": 7,
        "ratio": 0.5,
        "password": None,
        "pin": None,
        "renamed": None,
    }


def test_a_value_of_a_wrong_type_names_file_section_and_key(ini):
    message = str(refusal(ini("[mine]\npath = /a\nretries = some\n")))
    assert "shoebox.conf: [mine] retries: " in message
    assert "some" in message


@pytest.mark.parametrize(
    ("option", "text", "told"),
    [
        (cfg.IntOpt("it", min=0), "-1", "'-1' is no whole number of 0 or more"),
        (cfg.IntOpt("it", min=1, max=2), "x", "'x' is no whole number from 1 to 2"),
        (cfg.IntOpt("it", max=9), "10", "'10' is no whole number of 9 or less"),
        (cfg.IntOpt("it"), "1.5", "'1.5' is no whole number"),
        (cfg.FloatOpt("it", min=0.001), "hundred", "'hundred' is no number of 0.001 or more"),
        (cfg.FloatOpt("it", min=0.001), "0", "'0' is no number of 0.001 or more"),
        (cfg.FloatOpt("it"), "$other", "'$other' is no number"),
        (cfg.StrOpt("it", choices=["a", "b"]), "c", "Valid values are [a, b], but found 'c'"),
        (cfg.StrOpt("it", regex="a+"), "b", "Value 'b' doesn't match regex 'a+'"),
        (cfg.StrOpt("it", max_length=2), "abc", "Value 'abc' exceeds maximum length 2"),
        (
            cfg.Opt("it", type=types.List(types.Integer())),
            "1,a",
            "'1,a': invalid literal for int()",
        ),
    ],
)
def test_a_value_that_is_refused_is_told_with_what_may_stand_there(ini, option, text, told):
    conf = ini(f"[mine]\nit = {text}\nother = secret\n")
    conf.register_opts([option, cfg.StrOpt("other", secret=True)], group="mine")
    with pytest.raises(ConfigError) as caught:
        reading.values(conf, "mine", [option])
    assert f"shoebox.conf: [mine] it: {told}" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_of_several_files_the_value_that_is_told_is_the_one_that_counts(tmp_path):
    files = [tmp_path / "one.conf", tmp_path / "two.conf"]
    for file, text in zip(files, ("first", "second"), strict=True):
        file.write_text(f"[mine]\npath = /a\nretries = {text}\n")
    conf = cfg.ConfigOpts()
    conf([it for file in files for it in ("--config-file", str(file))])
    assert "'second' is no whole number of 0 or more" in str(refusal(conf))


@pytest.mark.parametrize("number", ["nan", "inf", "-inf"])
def test_a_number_that_is_not_finite_is_refused(ini, number):
    assert "[mine] ratio: " in str(refusal(ini(f"[mine]\npath = /a\nratio = {number}\n")))


def test_a_number_that_is_left_empty_is_not_taken_for_its_default(ini):
    assert "[mine] retries: it is empty" in str(refusal(ini("[mine]\npath = /a\nretries =\n")))


def test_a_required_value_that_is_missing_is_named(ini):
    assert "[mine] path: it is required" in str(refusal(ini("[mine]\n")))


def test_all_problems_are_told_at_once_a_line_for_each(ini):
    lines = str(refusal(ini("[mine]\nretries = -1\nratio = x\n"))).splitlines()
    assert [line.partition("] ")[2].partition(":")[0] for line in lines] == [
        "path",
        "retries",
        "ratio",
    ]


@pytest.mark.parametrize(
    "line",
    [
        "pin = s3cr3t",
        "password = a$s3cr3t",
        "password = ${s3cr3t.b}",
        "password = $mine.s3cr3t",
        "password = $mine",
        "pin = $path",
        "password = s3cr3t$password",
    ],
)
def test_a_secret_is_shown_in_no_message_and_no_traceback(ini, line, caplog):
    caplog.set_level(logging.DEBUG)
    error = refusal(ini(f"[mine]\npath = s3cr3t\n{line}\n"))
    assert f"[mine] {line.split()[0]}: " in str(error)
    assert "s3cr3t" not in "".join(traceback.format_exception(error)) + caplog.text
    assert error.__context__ is None


def test_a_dollar_that_names_no_option_is_told_how_to_write_one(ini):
    message = str(refusal(ini("[mine]\npath = pa$word\n")))
    assert "[mine] path: a '$' in its value names no option; write '$$'" in message
    assert "word" not in message


def test_two_dollars_are_one_and_a_name_is_what_it_stands_for(ini):
    found = values(ini("[mine]\npath = a$$b\nrenamed = ${mine.path}/c\n"))
    assert (found["path"], found["renamed"]) == ("a$b", "a$b/c")


def test_an_unknown_key_names_its_file_and_the_nearest_key(ini):
    conf = ini("[mine]\npath = /a\n", "[MINE]\nretrys = 3\n")
    [line] = reading.unknown_keys(conf, "mine", OPTIONS)
    assert "shoebox1.conf: [mine] retrys: " in line
    assert "did you mean 'retries'?" in line


def test_an_option_is_known_by_its_former_name(ini):
    assert reading.unknown_keys(ini("[mine]\nold-name = 3\n"), "mine", OPTIONS) == []


def test_a_hyphen_which_oslo_config_would_pass_over_is_an_unknown_key(ini):
    options = (cfg.IntOpt("roll-size-mb"),)
    [line] = reading.unknown_keys(ini("[mine]\nroll-size-mb = 3\n"), "mine", options)
    assert "did you mean 'roll_size_mb'?" in line


def test_sections_are_listed_with_their_files(ini, tmp_path):
    conf = ini("[one]\n[two]\na = 1\n")
    assert reading.sections(conf) == dict.fromkeys(["one", "two"], str(tmp_path / "shoebox.conf"))


def test_a_conf_that_has_parsed_nothing_holds_nothing():
    conf = cfg.ConfigOpts()
    assert reading.sections(conf) == {}
    assert reading.keys(conf, "mine") == {}


def test_a_file_that_can_no_longer_be_read_was_still_read(ini, tmp_path):
    conf = ini("[mine]\nbad = 3\n")
    (tmp_path / "shoebox.conf").unlink()
    assert reading.unknown_keys(conf, "mine", OPTIONS) != []
