"""Input cut into lines, whatever the chunks that it comes in."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shoebox.cli import lines
from shoebox.cli.lines import batches


def cut(chunks):
    """Return the lines, and what the batches say of their bytes."""
    rest = iter([*filter(None, chunks), b""])
    found = list(batches(lambda _: next(rest)))
    texts = [line for batch in found for line in batch.lines]
    return texts, sum(batch.payload for batch in found), sum(batch.taken for batch in found)


@given(st.lists(st.binary(max_size=8) | st.sampled_from([b"\n", "ä".encode(), b"a\n"])))
def test_the_chunks_make_no_difference(chunks):
    content = b"".join(chunks)
    expected = content.split(b"\n")
    if not expected[-1]:
        expected.pop()
    texts, payload, taken = cut(chunks)
    assert [it if isinstance(it, bytes) else it.encode() for it in texts] == expected
    assert (payload, taken) == (sum(map(len, expected)), len(content))


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]))))
def test_text_is_text(texts):
    content = "".join(f"{text}\n" for text in texts)
    assert cut([content.encode()])[0] == content.split("\n")[:-1]


def test_of_a_line_over_the_limit_no_more_is_kept_than_shows_it(monkeypatch):
    monkeypatch.setattr(lines, "MAX_PAYLOAD", 10)
    texts, _, taken = cut([b"x" * 6] * 50 + [b"y\nnext\n"])
    assert len(texts[0]) < 20
    assert texts[1] == "next"
    assert taken == 307


@pytest.mark.parametrize("content", [b"", b"\n", b"a"])
def test_a_file_is_read_to_its_end(content):
    found = list(batches(io.BytesIO(content).read))
    assert [batch.lines for batch in found] == (
        [[content.decode().rstrip("\n")]] if content else []
    )
