-- Find the answer that is kept under a `key`, unless it has expired, and the fingerprint of its request.
--
-- To be run after `LOCK`: a statement that waits for a lock does not see what was committed meanwhile.
--
-- Parameters:
--   $1 user_id bigint
--   $2 key character varying
--
-- Columns:
--   reply json
--   fingerprint bytea

SELECT idempotency_keys.reply, idempotency_keys.fingerprint
FROM idempotency_keys
WHERE
    idempotency_keys.user_id = $1::BIGINT
    AND idempotency_keys.key = $2::VARCHAR
    AND idempotency_keys.created_at > now() - make_interval(secs=>86400.0)
