"""Builds shoebox, and compiles the modules that every record goes through.

They are the same files: mypyc makes C of them, where mypy and a C compiler are there. Where
not, or where that fails, they are installed as they are. A development install
(`pip install -e .`) compiles nothing, since what is compiled would hide what is edited.
The environment variable SHOEBOX_COMPILE says otherwise: 0 never compiles, 1 always, also
in place for development, and then a failure is an error. `shoebox.compiled()` tells.
"""

import os
from pathlib import Path

from setuptools import Distribution, setup
from setuptools.command.build_ext import build_ext

MODULES = (
    "shoebox/archive/batch.py",
    "shoebox/archive/blocks.py",
    "shoebox/archive/filling.py",
    "shoebox/archive/layout.py",
    "shoebox/archive/pending.py",
    "shoebox/archive/shape.py",
    "shoebox/archive/unsynced.py",
    "shoebox/archive/writer.py",
    "shoebox/format/filters.py",
    "shoebox/format/runs.py",
    "shoebox/format/section.py",
    "shoebox/format/v2.py",
    "shoebox/roll_manager/current.py",
    "shoebox/roll_manager/succession.py",
    "shoebox/roll_manager/taking.py",
)
CHOICE = os.environ.get("SHOEBOX_COMPILE", "")


class CompilingDistribution(Distribution):
    """A package that has extensions, which are not made before they are built."""

    def has_ext_modules(self) -> bool:
        """Say so, unless none are wanted."""
        return CHOICE != "0"


class CompileIfPossible(build_ext):
    """Compiles all of the modules or none."""

    def run(self) -> None:
        """Compile; whatever fails means that pure Python is installed."""
        if CHOICE == "0" or (CHOICE != "1" and (self.inplace or self.editable_mode)):
            return
        try:
            self._compile()
        except BaseException as error:
            # mypyc and distutils raise what they like, SystemExit among it.
            if CHOICE == "1" or isinstance(error, KeyboardInterrupt):
                raise
            self._leave_out()
            self.warn(f"not compiled, pure Python is installed: {error}")

    def _compile(self) -> None:
        from mypyc.build import mypycify  # noqa: PLC0415 - it may not be there

        options = ["--config-file=", "--ignore-missing-imports", "--python-version=3.11"]
        # What is not compiled is checked elsewhere, where its own requirements are installed.
        options.append("--follow-imports=silent")
        here = Path(self.build_temp).absolute()
        self.distribution.ext_modules = mypycify(
            [*options, *MODULES], group_name="shoebox", target_dir=str(here), debug_level="0"
        )
        self.swig_opts = None  # the only option that can't be finalized twice
        self.finalize_options()
        super().run()

    def _leave_out(self) -> None:
        """Remove what was made: some of the modules would not work without the others."""
        for path in self.get_outputs():
            Path(path).unlink(missing_ok=True)
        self.extensions = self.distribution.ext_modules = []


setup(distclass=CompilingDistribution, cmdclass={"build_ext": CompileIfPossible})
