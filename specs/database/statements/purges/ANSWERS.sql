-- Delete answers that have expired. Reads `ix_idempotency_keys_created_at`.
--
-- Columns:
--   created_at timestamp with time zone

DELETE FROM idempotency_keys
WHERE idempotency_keys.created_at < now() - make_interval(secs=>86400.0)
RETURNING idempotency_keys.created_at
