"""The interface of storage backends, and what may be a key."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shoebox.errors import InvalidName
from shoebox.storage import StorageBackend, is_name, validate_key, validate_name

HOSTILE = [
    "",
    ".",
    "..",
    ".hidden",
    "a b",
    "a\\b",
    "a\nb",
    "a\x00b",
    "a\x1b[31m",
    "ä",
    "a:b",
    "~",
    "$HOME",
    "%2e%2e",
    "a\n",
    "\ud800",
    "a" * 256,
]


class Nowhere(StorageBackend):
    """Has what the interface demands, and does nothing."""

    closed = 0

    @classmethod
    def from_url(cls, bucket, **options):
        return cls()

    def put(self, key, path, metadata=None):
        raise NotImplementedError

    get = open = stat = list = delete = put

    def close(self):
        self.closed += 1


@pytest.mark.parametrize("name", [*HOSTILE, "a/b", "/"])
def test_a_hostile_name_is_refused(name):
    with pytest.raises(InvalidName):
        validate_name(name)


@pytest.mark.parametrize("segment", HOSTILE)
@pytest.mark.parametrize("form", ["{}", "{}/x", "x/{}", "x/{}/x"])
def test_a_key_with_a_hostile_segment_is_refused(form, segment):
    with pytest.raises(InvalidName):
        validate_key(form.format(segment))


@pytest.mark.parametrize("key", ["a", "a/b/c", "A-Za.z0_9=+-", "a..b", "-a", "a" * 255 + "/b."])
def test_a_sound_key_is_given_back(key):
    assert validate_key(key) == key


@given(st.text())
def test_what_is_accepted_stays_below_its_prefix(key):
    """Whatever the text, a key that passes has no segment that leads elsewhere."""
    try:
        validate_key(key)
    except InvalidName:
        return
    assert all(part not in {"", ".", ".."} and part.isascii() for part in key.split("/"))


def test_the_refusal_escapes_and_bounds_the_key():
    with pytest.raises(InvalidName) as caught:
        validate_key("\x1b[31m\n" * 10_000)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 10_000


def test_a_backend_is_closed_at_the_end_of_its_block():
    with Nowhere() as backend:
        assert not backend.closed
    assert backend.closed == 1


def test_the_interface_demands_every_operation():
    with pytest.raises(TypeError, match="abstract"):
        StorageBackend()


@pytest.mark.parametrize(
    ("name", "ours"), [("a-1.events", True), ("", False), (".hidden", False), ("a b", False)]
)
def test_what_has_another_name_is_none_of_ours(name, ours):
    assert is_name(name) is ours
