-- Lock purges until the transaction ends; false if another process has the lock.
--
-- Columns:
--   pg_try_advisory_xact_lock_1 boolean

SELECT pg_try_advisory_xact_lock(1953457263, 1) AS pg_try_advisory_xact_lock_1
