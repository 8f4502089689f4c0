"""The working tree against a commit, in one run on one machine: `python -m bench --against COMMIT`.

What both sides have in common is what people use: HTTP, environment variables and the command line. No other code of
the commit is called and none of its tables is read, so that it may be of another layout and another schema.
"""
