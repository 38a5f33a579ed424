"""Shoebox keeps every record it is handed, ships the archives, and finds a record again."""
