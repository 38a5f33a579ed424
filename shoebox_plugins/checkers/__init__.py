"""Roll checkers that come with shoebox."""
