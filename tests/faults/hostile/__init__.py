"""What others plant for us: places, names, text and bytes.

Whatever it is, nothing outside is touched, nothing waits for ever, every record is kept, and
what was met is said in words that can be shown.
"""
