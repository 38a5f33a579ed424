"""Faults: what the promises are tried with; all of it with SHOEBOX_FAULTS=full."""

import os

FULL = os.environ.get("SHOEBOX_FAULTS") == "full"
