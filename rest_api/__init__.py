"""REST over the core, for the web UI. A route is a signature and one call."""
