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

SELECT asked.user_id, latest_change(asked.user_id, asked.token_id) AS newest
FROM unnest($1::BIGINT[], $2::BIGINT[]) AS asked(user_id, token_id)
