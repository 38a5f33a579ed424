"""How Sphinx builds these pages.

They are Markdown; the references are reStructuredText, which is what their directives write,
and are made of the code.
"""

from importlib.metadata import version as version_of
from pathlib import Path

project = "shoebox"
version = release = version_of("shoebox")
extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "cliff.sphinxext",
    "oslo_config.sphinxext",
    "stevedore.sphinxext",
    "reno.sphinxext",
]
exclude_patterns = ["_build"]
if not (Path(__file__).parent.parent / ".git").exists():
    # They are read from the history, which a tarball does not have.
    exclude_patterns.append("release-notes.md")
html_theme = "furo"
html_title = "shoebox"
html_copy_source = False

myst_heading_anchors = 3
default_role = "code"  # what docstrings have in single backquotes
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_default_options = {"members": True}
autoprogram_cliff_application = "shoebox"
