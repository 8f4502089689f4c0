"""Numbers and traces for whoever runs the service: off unless asked for (`docs/operation/`)."""
