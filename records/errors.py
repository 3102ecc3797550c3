"""The one error of records and files.

- `RecordError`: what is wrong with a record or a file, in one line.
"""


class RecordError(ValueError):
    """A record or a file does not hold what it must; the message is one line."""
