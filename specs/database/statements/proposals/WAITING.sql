-- Count the proposals of the agent `agent_id` that wait at the moment `now`. Reads `ix_proposals_agent`.
--
-- Parameters:
--   $1 user_id bigint
--   $2 agent_id bigint
--   $3 now timestamp with time zone
--
-- Columns:
--   count_1 bigint

SELECT count(*) AS count_1
FROM proposals
WHERE
    proposals.user_id = $1::BIGINT
    AND proposals.agent_id = $2::BIGINT
    AND proposals.decision IS NULL
    AND proposals.expires_at > $3::TIMESTAMP WITH TIME ZONE
