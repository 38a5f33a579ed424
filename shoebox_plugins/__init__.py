"""The plugins that come with shoebox, loaded by name like anybody else's."""
