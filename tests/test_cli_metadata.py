"""Metadata out of lines of JSON."""

import pytest

from shoebox.cli.metadata import LineMetadata
from shoebox.errors import RecordValueError


def of(line, path="a.b", **constant):
    return LineMetadata(constant, [("k", tuple(path.split(".")))]).of(line)


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ('{"a": {"b": "x\\u00e4\\n"}}', "xä\n"),
        ('{"a": {"b": ""}}', ""),
        ('{"a": {"b": 12345678901234567890123}}', "12345678901234567890123"),
        ('{"a": {"b": 1.50e3}}', "1.50e3"),
        ('{"a": {"b": true}}', "true"),
        ('{"a": {"b": null}}', "null"),
        ('{"a": {"b": [1, {"c": 2}]}}', '[1, {"c": 2}]'),
        ('  {"x": [{}], "a" : { "b" : "v" } }\r', "v"),
    ],
)
def test_a_string_is_itself_and_all_else_its_json_text(line, value):
    assert of(line) == {"k": value}


@pytest.mark.parametrize(
    "line", ["{}", '{"a": 1}', '{"a": null}', '{"a": {"c": 1}}', '{"a.b": 1}', "[1]", '"a"', "null"]
)
def test_a_line_that_lacks_the_value_goes_without_the_key(line):
    assert of(line, host="h") == {"host": "h"}


@pytest.mark.parametrize(
    "line",
    ["", "a", '{"a"', '{"a": tru}', '{"a": 1} x', "[1", '{"a": {"b": "\\ud800"}}', b"\xff", "nul"],
)
def test_a_line_that_is_no_json_is_refused(line):
    with pytest.raises(RecordValueError, match="is not JSON"):
        of(line)


@pytest.mark.parametrize("line", ["[" * 100_000, '{"x": ' * 100_000, '{"a": ' + "[" * 100_000])
def test_a_line_that_goes_too_deep_is_refused(line):
    with pytest.raises(RecordValueError, match="is not JSON"):
        of(line)


def test_the_line_goes_before_the_constant():
    assert of('{"a": {"b": "line"}}', k="constant") == {"k": "line"}
    assert of("{}", k="constant") == {"k": "constant"}


def test_without_paths_a_line_may_be_anything():
    assert LineMetadata({"k": "v"}, []).of("no json") == {"k": "v"}
