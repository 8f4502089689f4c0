-- Keep a `reply` under a `key`, for the request with this `fingerprint`; what had expired there is replaced. `agent_id`
-- and `substitute`: as in `FIND`.
--
-- Parameters:
--   $1 user_id bigint
--   $2 key character varying
--   $3 agent_id bigint
--   $4 substitute character varying
--   $5 fingerprint bytea
--   $6 reply json
--
-- Columns:
--   key text

INSERT INTO idempotency_keys (user_id, key, fingerprint, reply, agent_id)
VALUES (
    $1::BIGINT,
    CASE
        WHEN (
            EXISTS (
                SELECT 1
                FROM idempotency_keys AS other
                WHERE
                    other.user_id = $1::BIGINT
                    AND other.key = $2::VARCHAR
                    AND other.agent_id != $3::BIGINT
                    AND other.created_at > now() - make_interval(secs=>86400.0)
            )
        )
        THEN $4::VARCHAR
        ELSE $2::VARCHAR
    END,
    $5::BYTEA,
    $6::JSON,
    $3::BIGINT
)
ON CONFLICT (user_id, key) DO UPDATE
SET
    fingerprint = excluded.fingerprint,
    reply = excluded.reply,
    created_at = now(),
    agent_id = excluded.agent_id
RETURNING idempotency_keys.key
