"""What SECURITY.md says is defended has the tests that it names."""

import re

import pytest

from tests.program import ROOT

PAGE = (ROOT / "SECURITY.md").read_text()
DEFENDED = PAGE.partition("## What is defended")[2].partition("\n## ")[0]
ROWS = re.findall(r"^\| (?!what|---)(.+) \| (.+) \|$", DEFENDED.replace("|---|", ""), re.MULTILINE)


def test_there_are_claims():
    assert len(ROWS) > 9


@pytest.mark.parametrize(("claim", "tests"), ROWS)
def test_each_claim_names_tests_that_there_are(claim, tests):
    named = re.findall(r"`([^`]+)`", tests)
    assert named
    for path in named:
        assert (
            "\ndef test_" in (ROOT / path).read_text() or "class Test" in (ROOT / path).read_text()
        )


def test_it_is_linked_and_part_of_what_is_released():
    assert "(SECURITY.md)" in (ROOT / "README.md").read_text()
    assert "SECURITY.md" in (ROOT / "MANIFEST.in").read_text()
