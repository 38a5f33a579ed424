"""Storage backends that come with shoebox."""
