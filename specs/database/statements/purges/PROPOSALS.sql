-- Delete proposals that were decided, or expired, before the moment `before`, at most `chunk`, and count them.
--
-- Parameters:
--   $1 before timestamp with time zone
--   $2 chunk integer
--
-- Columns:
--   count bigint

WITH
    "over" AS (
        SELECT proposals.user_id AS user_id, proposals.id AS id
        FROM proposals
        WHERE least(proposals.decided_at, proposals.expires_at) < $1::TIMESTAMP WITH TIME ZONE
        LIMIT $2::INTEGER
    ),
    decided AS (
        DELETE FROM proposals
        USING "over"
        WHERE proposals.user_id = "over".user_id AND proposals.id = "over".id
        RETURNING proposals.id
    )
SELECT count(*) AS count
FROM decided
