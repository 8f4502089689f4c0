-- Delete the oldest `chunk` of the answers that have expired, and all of the same moment as the last of them.
--
-- `since`: where the chunk before ended, so that none passes by what the others have deleted.
-- Columns: how many (`count`), and the moment of the `last`. Reads `ix_idempotency_keys_created_at`.
--
-- Parameters:
--   $1 since timestamp with time zone
--   $2 chunk integer
--
-- Columns:
--   count bigint
--   last timestamp with time zone

WITH expired AS (
    DELETE FROM idempotency_keys
    WHERE
        idempotency_keys.created_at > $1::TIMESTAMP WITH TIME ZONE
        AND idempotency_keys.created_at <= (
            SELECT max(oldest.created_at) AS max_1
            FROM (
                SELECT idempotency_keys.created_at AS created_at
                FROM idempotency_keys
                WHERE
                    idempotency_keys.created_at > $1::TIMESTAMP WITH TIME ZONE
                    AND idempotency_keys.created_at < now() - make_interval(secs=>86400.0)
                ORDER BY idempotency_keys.created_at
                LIMIT $2::INTEGER
            ) AS oldest
        )
    RETURNING idempotency_keys.created_at
)
SELECT count(*) AS count, max(expired.created_at) AS last
FROM expired
