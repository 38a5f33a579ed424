"""What a store may do that it should not: one row for each lie.

A row names requests as both services have them: `look` (a HEAD of the object), `store` (what
makes the object: a PUT, or what ends an upload in parts), `part` (of an object in parts),
`begin`, `abort` and `leftovers` (of the upload; in Swift the segments' removal and listing),
`remove`, `read` and `login`. It is tried with each service that has such requests.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Request = Literal["look", "store", "part", "begin", "abort", "leftovers", "remove", "read", "login"]
Kind = Literal[
    "lose",  # it is done, and the connection closed without an answer
    "drop",  # the connection is closed, and nothing done
    "cut",  # the connection is closed in the midst of what is sent
    "stall",  # nothing is done, and no answer comes
    "stall after",  # it is done, and no answer comes
    "nothing",  # nothing is done, and the answer says that it was
    "flip",  # what is stored has a bit flipped
    "halve",  # half of it is stored
    "empty",  # nothing of it is stored, under its key
    "hidden nothing",  # as those, and HEAD says what it would say were it not so
    "hidden flip",
    "hidden halve",
    "error inside",  # nothing is done, and an answer of 200 has an error in it
    "wrong etag",  # it is done, and the answer has an ETag of something else
    "says short",  # what is said of it is one byte less than it has
    "says other",  # what is said of it is the checksum of something else
    "says missing",  # it is said not to be there
    "stale",  # a list that lacks what is there, and has what is not
    "taken",  # something else has been stored under the key just before
    "busy",  # 503, and to be left alone for 7 seconds
    "many",  # 429, and to be left alone for 7 seconds
    "expire",  # the token, or what stands for it, is not taken any more
    "deny",  # 403
    "fail",  # 500
]


@dataclass(frozen=True)
class Lie:
    """Which requests meet what, how often, and how the archive is compared afterwards."""

    requests: tuple[Request, ...]
    kind: Kind
    times: int = 1
    verify: Literal["stat", "get"] = "stat"
    heals: bool = True
    """Whether everything is stored in the end without another start."""

    def __str__(self) -> str:
        often = {1: "once", FOR_EVER: "for ever"}.get(self.times, f"{self.times} times")
        read = ", read back" if self.verify == "get" else ""
        return f"{self.kind} at {' and '.join(self.requests)} {often}{read}"


FOR_EVER = 10**9

LIES = (
    # the reply is lost, or the request, or both
    *(
        Lie((request,), kind, times)
        for request in ("store", "part", "look")
        for kind in ("lose", "drop")
        for times in (1, 5)
    ),
    Lie(("begin",), "lose"),
    Lie(("leftovers",), "drop"),
    Lie(("store",), "cut"),
    Lie(("part",), "cut", 3),
    Lie(("store",), "stall"),
    Lie(("store",), "stall after"),
    Lie(("part",), "stall"),
    Lie(("look",), "stall"),
    # it says that it has stored what it has not
    *(
        Lie((request,), kind, times)
        for request in ("store", "part")
        for kind in ("nothing", "halve", "empty", "error inside")
        for times in (1, 3)
    ),
    Lie(("part",), "flip"),
    Lie(("part",), "flip", 3),
    Lie(("store",), "flip", verify="get"),
    Lie(("store",), "flip", 3, verify="get"),
    Lie(("store",), "halve", 4, heals=False),
    Lie(("store",), "nothing", FOR_EVER, heals=False),
    Lie(("store",), "halve", FOR_EVER, heals=False),
    # and that it is what it should be: only reading finds out
    Lie(("store",), "hidden nothing", verify="get"),
    Lie(("store",), "hidden flip", verify="get"),
    Lie(("store",), "hidden halve", verify="get"),
    Lie(("store",), "hidden nothing", FOR_EVER, verify="get", heals=False),
    Lie(("store",), "wrong etag"),
    Lie(("part",), "wrong etag"),
    # it says something else of what is in order
    Lie(("look",), "says short", FOR_EVER, heals=False),
    Lie(("look",), "says other", FOR_EVER, heals=False),
    Lie(("look",), "says missing", 5),
    Lie(("look",), "says missing", FOR_EVER, heals=False),
    Lie(("leftovers",), "stale", FOR_EVER),
    Lie(("read",), "drop", 2, verify="get"),
    Lie(("read",), "flip", verify="get"),
    # another one has stored something there
    Lie(("look",), "taken", FOR_EVER, heals=False),
    Lie(("store",), "taken", FOR_EVER, heals=False),
    # it has no time, or denies
    *(
        Lie((request,), kind, times)
        for request in ("store", "part", "look", "begin", "login")
        for kind in ("busy", "many")
        for times in (1, 4)
    ),
    *(
        Lie((request,), "expire", times)
        for request in ("store", "part", "look")
        for times in (1, 7)
    ),
    Lie(("login",), "fail", 3),
    Lie(("login",), "deny"),
    Lie(("store",), "deny", 2),
    Lie(("store",), "deny", FOR_EVER, heals=False),
    Lie(("store", "part"), "fail", 3),
    # what is gone wrong can't be put right at once
    Lie(("part", "abort"), "drop", 2),
    Lie(("part", "abort"), "fail", 2),
    # it is away, and comes back
    Lie(("look", "store", "part", "read", "login"), "drop", 20),
    Lie(("look", "store", "part", "read", "login"), "drop", FOR_EVER, heals=False),
)
