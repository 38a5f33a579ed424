"""Faults on purpose, for every promise; `tox -e faults` runs all of it, pytest a bounded part."""

import os

FULL = os.environ.get("SHOEBOX_FAULTS") == "full"
