-- Say to those who write, until the connection ends, that somebody listens.
--
-- Columns:
--   pg_advisory_lock_shared_1 void

SELECT pg_advisory_lock_shared(8412077, 1) AS pg_advisory_lock_shared_1
