-- Find the answer that is kept under a `key` of the agent `agent_id`, 0 for the person, unless it has expired, and the
-- fingerprint of its request.
--
-- Where another of the person's had the same key before, it is kept under its `substitute`. Under the key itself versions
-- before 0014 look for it, and keep theirs, which may be anybody's.
--
-- To be run after `LOCK`: a statement that waits for a lock does not see what was committed meanwhile.
--
-- Parameters:
--   $1 user_id bigint
--   $2 key character varying
--   $3 substitute character varying
--   $4 agent_id bigint
--
-- Columns:
--   reply json
--   fingerprint bytea

SELECT idempotency_keys.reply, idempotency_keys.fingerprint
FROM idempotency_keys
WHERE
    idempotency_keys.user_id = $1::BIGINT
    AND idempotency_keys.key IN ($2::VARCHAR, $3::VARCHAR)
    AND (
        idempotency_keys.key = $2::VARCHAR
            AND (idempotency_keys.agent_id IS NULL OR idempotency_keys.agent_id = $4::BIGINT)
        OR idempotency_keys.key = $3::VARCHAR
    )
    AND idempotency_keys.created_at > now() - make_interval(secs=>86400.0)
