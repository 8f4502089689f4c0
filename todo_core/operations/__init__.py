"""The operations, one file a feature. Each takes a `Tx` and nothing of a transport."""
