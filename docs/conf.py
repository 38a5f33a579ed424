"""How Sphinx builds these pages, which are Markdown."""

project = "shoebox"
extensions = ["myst_parser"]
exclude_patterns = ["_build"]
myst_heading_anchors = 3
html_title = "shoebox"
