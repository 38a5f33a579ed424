"""The roll checker: the duties of every one, and its own."""

import pytest

from shoebox.errors import ConfigError
from shoebox.testing import DueTests, FakeArchive, RollCheckerTests
from shoebox_acme.checker import PayloadRollChecker


class TestPayloadRollChecker(RollCheckerTests, DueTests):
    """What every roll checker does."""

    def make(self, **more):
        return PayloadRollChecker(field="state", value="done", **more)

    def make_due(self, archive):
        archive.last_payload = '{"state": "done"}'


@pytest.mark.parametrize(
    ("value", "payload"),
    [
        ("deleted", '{"vm": {"state": "deleted"}}'),
        ("deleted", b'{"vm": {"state": "deleted"}}'),
        ("größe", '{"vm": {"state": "größe"}}'),
        ("größe", '{"vm": {"state": "gr\\u00f6\\u00dfe"}}'),
        ("true", '{"vm": {"state": true}}'),
        ("3", '{"vm": {"state": 3}}'),
    ],
)
def test_it_rolls_when_the_payload_says_so(value, payload):
    checker = PayloadRollChecker(field="vm.state", value=value)
    assert checker.check(FakeArchive(last_payload=payload))


@pytest.mark.parametrize(
    "payload",
    [
        '{"vm": {"state": "active"}}',
        '{"vm": "deleted"}',
        '{"vm": {"other": "deleted"}}',
        '["deleted"]',
        "deleted",
        '{"vm": ' * 100_000 + '"deleted"',
        b"\xffdeleted",
        None,
    ],
)
def test_it_does_not_roll_for_anything_else(payload):
    checker = PayloadRollChecker(field="vm.state", value="deleted")
    assert not checker.check(FakeArchive(last_payload=payload))


def test_a_field_without_a_key_is_refused():
    with pytest.raises(ConfigError, match=r"field = 'vm\.'"):
        PayloadRollChecker(field="vm.", value="deleted")
