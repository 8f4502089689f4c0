-- Wait for the user's write lock, then find what is kept under a `key`.
--
-- `reply`: the first answer, unless it has expired. `fingerprint`: of the request that it answers.
--
-- Parameters:
--   $1 user_id bigint
--   $2 key character varying
--
-- Columns:
--   pg_advisory_xact_lock_1 void
--   reply json
--   fingerprint bytea

SELECT
    pg_advisory_xact_lock($1::BIGINT) AS pg_advisory_xact_lock_1,
    (
        SELECT idempotency_keys.reply
        FROM idempotency_keys
        WHERE
            idempotency_keys.user_id = $1::BIGINT
            AND idempotency_keys.key = $2::VARCHAR
            AND idempotency_keys.created_at > now() - make_interval(secs=>86400.0)
    ) AS reply,
    (
        SELECT idempotency_keys.fingerprint
        FROM idempotency_keys
        WHERE idempotency_keys.user_id = $1::BIGINT AND idempotency_keys.key = $2::VARCHAR
    ) AS fingerprint
