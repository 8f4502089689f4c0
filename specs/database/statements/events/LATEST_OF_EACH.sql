-- Read the latest change of each person in `user_ids`, null if there is none, and check the right of each to act.
--
-- `token_ids`: of each, the API token, or null. `agent_ids` and `versions`: of each, the agent, and what was known of it,
-- or nulls. PostgreSQL refuses the statement as in `Database.begin` if one of them may not act any more. Reads
-- `pk_changes` once for each.
--
-- Parameters:
--   $1 user_ids bigint[]
--   $2 token_ids bigint[]
--   $3 agent_ids bigint[]
--   $4 versions integer[]
--
-- Columns:
--   user_id bigint
--   newest bigint

SELECT
    asked.user_id,
    latest_change(asked.user_id, asked.token_id, asked.agent_id, asked.version) AS newest
FROM unnest($1::BIGINT[], $2::BIGINT[], $3::BIGINT[], $4::INTEGER[]) AS asked(
    user_id, token_id, agent_id, version
)
