"""Speed and size, measured against floors in the same run: `python -m bench`."""
