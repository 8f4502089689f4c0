"""What every operation passes: who calls, limits, idempotency, and the transaction that `operation` runs."""
