"""The states in which a power cut can leave a disk."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.faults.power_cut.disk import Change, Cut, Image, Named, Unnamed, Written
from tests.faults.power_cut.replay import History, Said, Synced

SECTOR = 512
_EXHAUSTED = 6
"""Of so many changes that are not durable every subset is taken."""


@dataclass(frozen=True, slots=True)
class State:
    """A disk after a power cut, and all that had been promised by then."""

    image: Image
    digest: bytes
    """The image's, by which states differ."""
    said: tuple[str, ...]
    point: int
    """How many events there had been."""
    why: str


@dataclass(frozen=True, slots=True)
class _Moment:
    """What may be on the disk after so many events."""

    point: int
    durable: frozenset[int]
    loose: tuple[int, ...]
    """The changes that may be missing."""
    said: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Choice:
    """The changes that are there, and those of them of which something else is."""

    present: frozenset[int]
    why: str
    instead: dict[int, Written] = field(default_factory=dict)


def states(history: History, seed: int) -> list[State]:
    """Return distinct states, each with the most that can have been promised when it arises.

    Those of all moments: all that there are where few changes are not durable, else some,
    drawn by the seed.
    """
    chance = random.Random(seed)  # noqa: S311
    found: dict[bytes, State] = {}
    for moment in _moments(history):
        for choice in _choices(history, moment, chance):
            image = _build(history, moment, choice)
            digest = image.digest()
            found[digest] = State(image, digest, moment.said, moment.point, choice.why)
    return list(found.values())


def _moments(history: History) -> Iterator[_Moment]:
    durable: set[int] = set()
    loose: dict[int, None] = {}
    said: list[str] = []
    yield _Moment(0, frozenset(), (), ())
    for number, event in enumerate(history.events):
        if isinstance(event, Said):
            said.append(event.line)
        elif isinstance(event, Synced):
            durable |= event.changes
            loose = dict.fromkeys(it for it in loose if it not in event.changes)
        else:
            loose[number] = None
        yield _Moment(number + 1, frozenset(durable), tuple(loose), tuple(said))


def _choices(history: History, moment: _Moment, chance: random.Random) -> Iterator[_Choice]:
    everything = moment.durable.union(moment.loose)
    yield _Choice(everything, "all is there")
    if moment.loose:
        yield _Choice(moment.durable, "only what was synced")
        yield from _subsets(moment, chance)
        yield from _in_order(history, moment, everything)
        yield from _torn(history, moment, everything, chance)


def _subsets(moment: _Moment, chance: random.Random) -> Iterator[_Choice]:
    """Yield what POSIX allows: of the changes that were not synced any may be missing."""
    loose = moment.loose
    if len(loose) <= _EXHAUSTED:
        chosen = [
            {it for bit, it in enumerate(loose) if number >> bit & 1}
            for number in range(1, (1 << len(loose)) - 1)
        ]
    else:
        alone = [{it} for it in loose]
        chosen = [
            *alone,
            *({*loose} - it for it in alone),
            *(_some(loose, chance) for _ in range(1 << _EXHAUSTED)),
        ]
    for there in chosen:
        yield _Choice(moment.durable | there, f"of what was not synced only {sorted(there)}")


def _some(loose: tuple[int, ...], chance: random.Random) -> set[int]:
    share = chance.random()
    return {it for it in loose if chance.random() < share}


def _in_order(history: History, moment: _Moment, everything: frozenset[int]) -> Iterator[_Choice]:
    """Yield what an ordered journal allows: names up to some change, and data written or not."""
    names = [it for it in moment.loose if isinstance(history.events[it], Named | Unnamed)]
    data = [it for it in moment.loose if isinstance(history.events[it], Written | Cut)]
    for count in range(len(names) + 1):
        kept = everything.difference(names[count:])
        yield _Choice(kept, f"names up to the {count}th")
        yield _Choice(kept.difference(data), f"names up to the {count}th, no data")
        zeros = {it: _zeros(history.events[it]) for it in data}
        yield _Choice(
            kept,
            f"names up to the {count}th, zeros for data",
            {it: change for it, change in zeros.items() if change},
        )


def _zeros(change: object) -> Written | None:
    if not isinstance(change, Written):
        return None
    return Written(change.place, change.offset, bytes(len(change.data)))


def _torn(
    history: History, moment: _Moment, everything: frozenset[int], chance: random.Random
) -> Iterator[_Choice]:
    """Yield writes of which some sectors are on the disk, with and without what else is loose."""
    for number in moment.loose:
        change = history.events[number]
        if isinstance(change, Written):
            for why, instead in _pieces(change):
                others = _some(moment.loose, chance)
                for present in (everything, moment.durable | others | {number}):
                    yield _Choice(present, f"{number} {why}", {number: instead})


def _pieces(change: Written) -> Iterator[tuple[str, Written]]:
    """Yield what may be there of a write: its first sectors, or its last, or zeros for some."""
    place, offset, data = change.place, change.offset, change.data
    first = SECTOR - offset % SECTOR
    for cut in (0, *range(first, len(data), SECTOR)):
        yield f"zero from {cut} on", Written(place, offset, data[:cut].ljust(len(data), b"\0"))
        if cut:
            yield f"torn at {cut}", Written(place, offset, data[:cut])
            yield f"zero up to {cut}", Written(place, offset, bytes(cut) + data[cut:])


def _build(history: History, moment: _Moment, choice: _Choice) -> Image:
    image = history.start.copy()
    for number in sorted(_with_what_they_need(history, moment, choice.present)):
        change: Change = history.events[number]
        image.apply(choice.instead.get(number, change))
    return image


def _with_what_they_need(
    history: History, moment: _Moment, present: frozenset[int]
) -> frozenset[int]:
    """Add the earlier changes of a name that a later one was made on: it has but one entry."""
    needed: set[tuple[int, str]] = set()
    added = set()
    for number in reversed(moment.loose):
        names = _names(history.events[number])
        if number in present or not needed.isdisjoint(names):
            needed |= names
            added.add(number)
    return present | added


def _names(change: object) -> set[tuple[int, str]]:
    """Return the names, each in its folder, that a change gives or takes."""
    if not isinstance(change, Named | Unnamed):
        return set()
    names = {change.name}
    if isinstance(change, Named) and change.before is not None:
        names.add(change.before)
    return {(change.place, name) for name in names}
