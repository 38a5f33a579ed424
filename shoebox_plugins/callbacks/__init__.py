"""Callbacks that come with shoebox."""
