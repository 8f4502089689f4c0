"""The tools, one file a feature."""
