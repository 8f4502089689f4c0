"""Undo: how the rows of a change are put back, one file for each kind of row."""
