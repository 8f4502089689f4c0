-- Wait for the lock of purges, and keep it until the transaction ends.
--
-- Columns:
--   pg_advisory_xact_lock_1 void

SELECT pg_advisory_xact_lock(1953457263, 1) AS pg_advisory_xact_lock_1
