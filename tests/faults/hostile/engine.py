"""Runs libFuzzer on a target, with a mutator that mends checksums; fuzz.py starts it.

`python -m tests.faults.hostile.engine TARGET [libFuzzer's arguments]`
"""

import random
import sys

import atheris

with atheris.instrument_imports(include=["shoebox"]):
    from tests.faults.hostile import targets
    from tests.faults.hostile.mending import mended

_AS_IT_IS = 8
"""One in so many inputs keeps checksums that are wrong."""


def main() -> None:
    """Fuzz until libFuzzer ends the process."""
    target = sys.argv[1]

    def mutate(data: bytes, limit: int, seed: int) -> bytes:
        changed = atheris.Mutate(data, limit)
        if random.Random(seed).randrange(_AS_IT_IS) == 0:  # noqa: S311 - chance, not secrecy
            return changed
        return mended(target, changed)[:limit]

    def try_on(data: bytes) -> None:
        targets.try_on(target, data)

    # What merges inputs starts itself again, by a shell.
    itself = f"{sys.executable} -m tests.faults.hostile.engine {target}"
    atheris.Setup([itself, *sys.argv[2:]], try_on, custom_mutator=mutate)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
