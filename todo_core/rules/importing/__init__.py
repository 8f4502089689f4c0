"""Take in what a person brings along: a file of one format becomes items, and the items become rows.

A format is one file in `formats`, which yields items; all else is the same for each. `worker` reads a file in a process
of its own, so nothing here that it imports may be slow to import.
"""
