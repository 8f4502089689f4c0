"""The program: the only place that knows the core and both its faces."""
