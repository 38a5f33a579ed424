"""Filters leave a value out only if it is not there."""

import random
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from xxhash import xxh3_64_digest

from shoebox.format import filters

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@given(values=st.sets(TEXT, max_size=300))
def test_a_value_that_is_there_is_never_left_out(values):
    built = filters.build(values)
    assert all(filters.may_hold(built, value) for value in values)


@given(values=st.dictionaries(TEXT, st.sets(TEXT, max_size=20), max_size=5))
def test_a_block_has_a_filter_for_each_key(values):
    found = filters.of(values)
    assert found.keys() == values.keys()
    assert all(filters.may_hold(found[key], v) for key in values for v in values[key])


def test_a_key_that_is_not_wanted_has_an_empty_filter():
    found = filters.of({"a": {"1"}, "b": {"1"}}, {"b", "c"})
    assert found == {"a": b"", "b": filters.build({"1"})}


@pytest.mark.parametrize(
    ("count", "rate"),
    [(1, 0.01), (60, 0.02), (400, 0.02), (3000, 0.02), (8192, 0.07), (16_384, 0.19)],
)
def test_few_values_pass_wrongly(count, rate):
    rng = random.Random(count)  # noqa: S311
    values = {f"{rng.getrandbits(64):x}" for _ in range(count)}
    built = filters.build(values)
    wrong = sum(filters.may_hold(built, f"other {number}") for number in range(5000))
    assert wrong / 5000 < rate


@pytest.mark.parametrize(
    ("count", "bits"),
    [
        (0, 256),
        (16, 256),
        (17, 512),
        (32, 512),
        (33, 1024),
        (4097, 65_536),
        (16_384, 65_536),
        (16_385, 0),
    ],
)
def test_a_filter_has_sixteen_bits_a_value_within_bounds(count, bits):
    assert len(filters.build({str(number) for number in range(count)})) * 8 == bits


def test_the_bits_are_those_of_the_specification():
    expected = bytearray(32)
    for number in (148, 180, 130, 191):
        expected[number >> 3] |= 0x80 >> (number & 7)
    assert filters.build({"n1", "n2"}) == expected


def test_an_empty_filter_holds_nothing_back():
    assert filters.may_hold(b"", "anything")


def test_a_filter_without_values_holds_everything_back():
    assert not filters.may_hold(filters.build(()), "anything")


@pytest.mark.parametrize("size", [32, 64])
def test_each_of_a_value_s_two_bits_alone_holds_it_back(size):
    """Whatever other bits there are: the neighbours in its byte are not looked at."""
    for number in range(50):
        value = str(number)
        words = struct.unpack(">4H", xxh3_64_digest(value.encode()))
        for bit in (words[3] % (size * 8), words[2] % (size * 8)):
            lacking = bytearray(b"\xff" * size)
            lacking[bit >> 3] ^= 0x80 >> (bit & 7)
            assert not filters.may_hold(bytes(lacking), value)
        assert filters.may_hold(b"\xff" * size, value)
