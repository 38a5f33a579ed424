"""What an object's headers, or a listing, say of it."""

from datetime import UTC, datetime

import pytest

from shoebox.errors import StorageUnavailable
from shoebox_plugins.storage.swift.info import WHOLE, Entry, etag, info, is_large, listed

MD5 = "0" * 31 + "a"
OTHER = "0" * 31 + "b"
PLAIN = {"content-length": "5", "last-modified": "Sun, 22 Nov 2026 01:02:03 GMT", "etag": MD5}
LARGE = {**PLAIN, "etag": f'"{MD5}"', "x-static-large-object": "True"}


def test_the_headers_of_an_object():
    found = info("a", {**PLAIN, "x-object-meta-archive": "100%25", "x-timestamp": "1"})
    assert (found.key, found.size, found.checksums) == ("a", 5, {"md5": MD5})
    assert found.modified == datetime(2026, 11, 22, 1, 2, 3, tzinfo=UTC)
    assert found.metadata == {"archive": "100%25"}


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({**PLAIN, "etag": f'"{MD5}"'}, {"md5": MD5}),
        ({**PLAIN, "etag": f"{MD5}-2"}, {}),
        ({**PLAIN, "etag": ""}, {}),
        ({**PLAIN, "x-object-manifest": "c/a"}, {}),
        (LARGE, {}),
        ({**LARGE, WHOLE: f"{MD5} {OTHER}"}, {"md5": OTHER}),
        ({**LARGE, WHOLE: f"{OTHER} {OTHER}"}, {}),
        ({**LARGE, WHOLE: "nonsense"}, {}),
    ],
)
def test_the_md5_is_given_where_it_is_that_of_the_whole_content(headers, expected):
    assert info("a", headers).checksums == expected


def test_what_the_backend_notes_for_itself_is_no_metadata():
    headers = {**LARGE, WHOLE: f"{MD5} {OTHER}", "x-object-meta-archive": "7"}
    assert info("a", headers).metadata == {"archive": "7"}


@pytest.mark.parametrize(
    "wrong",
    [{"content-length": "x"}, {"last-modified": "yesterday"}, {"content-length": ""}],
)
def test_headers_that_say_too_little_are_no_answer(wrong):
    with pytest.raises(StorageUnavailable, match="size or time"):
        info("a", {**PLAIN, **wrong})
    with pytest.raises(StorageUnavailable, match="size or time"):
        info("a", {})


def test_a_line_of_a_listing():
    found = listed("a", Entry("x/a", 5, "2026-11-22T01:02:03.000456"))
    assert found.modified == datetime(2026, 11, 22, 1, 2, 3, 456, tzinfo=UTC)
    assert (found.key, found.size, found.checksums) == ("a", 5, {})
    with pytest.raises(StorageUnavailable, match="yesterday"):
        listed("a", Entry("a", 5, "yesterday"))


def test_an_etag_has_no_quotes():
    assert etag(LARGE) == etag(PLAIN) == MD5
    assert (is_large(LARGE), is_large(PLAIN)) == (True, False)
