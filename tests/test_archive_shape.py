"""Shapes: the values of records that have the same metadata keys."""

from types import MappingProxyType

import pytest

from shoebox.archive.shape import Shape


@pytest.mark.parametrize(
    ("keys", "columns"),
    [
        ((), {}),
        (("host",), {"host": {"a", "b"}}),
        (("host", "type"), {"host": {"a", "b"}, "type": {"x"}}),
        (("z", "host", "a"), {"z": {"1", "2"}, "host": {"a", "b"}, "a": {""}}),
    ],
)
def test_each_key_gives_the_distinct_values_that_records_have_for_it(keys, columns):
    """Also with no key, and with one, where itemgetter would give no tuple."""
    shape = Shape(keys)
    for record in (
        {"host": "a", "type": "x", "z": "1", "a": ""},
        {"host": "b", "type": "x", "z": "2", "a": ""},
        {"host": "a", "type": "x", "z": "1", "a": ""},
    ):
        shape.add(shape.values_of({key: record[key] for key in keys}))
    assert shape.columns() == columns
    assert list(shape.columns()) == list(keys)
    shape.clear()
    assert shape.columns() == {}


def test_the_values_are_a_tuple_that_joins_whatever_the_number_of_keys():
    for keys in ((), ("a",), ("a", "b")):
        values = Shape(keys).values_of(dict.fromkeys(keys, "v"))
        assert isinstance(values, tuple)
        assert set(values) == ({"v"} if keys else set())


def test_metadata_that_lacks_a_key_is_of_another_shape():
    with pytest.raises(KeyError):
        Shape(("a", "b")).values_of({"a": "1", "c": "2"})


@pytest.mark.parametrize("metadata", [None, 1, [], "", MappingProxyType({})])
def test_the_shape_without_keys_takes_nothing_but_a_dict(metadata):
    with pytest.raises(TypeError):
        Shape(()).values_of(metadata)
