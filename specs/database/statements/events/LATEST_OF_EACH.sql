-- Read the latest change of each person in `user_ids`, null if there is none, and check the right of each to act.
--
-- `token_ids`: of each, the API token, or null. PostgreSQL refuses the statement as in `Database.begin` if one of them may
-- not act any more. Reads `pk_changes` once for each.
--
-- Parameters:
--   $1 user_ids bigint[]
--   $2 token_ids bigint[]
--
-- Columns:
--   user_id bigint
--   newest bigint

SELECT me.user_id, theirs.id AS newest
FROM unnest($1::BIGINT[], $2::BIGINT[]) AS asked(user_id, token_id)
JOIN LATERAL (
    SELECT require_active(
        CAST(set_config('app.user_id', CAST(asked.user_id AS TEXT), true) AS BIGINT), asked.token_id
    ) AS user_id
    FROM unnest($1::BIGINT[], $2::BIGINT[]) AS asked(user_id, token_id)
    LIMIT ALL
    OFFSET 0
) AS me
    ON true
JOIN LATERAL (
    SELECT max(changes.id) AS id FROM changes WHERE changes.user_id = me.user_id LIMIT ALL OFFSET 0
) AS theirs
    ON true
