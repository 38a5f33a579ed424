"""The command line, `shoebox COMMAND`; each command is an entry point in `shoebox.commands`."""
