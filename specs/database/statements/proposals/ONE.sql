-- Read the proposal with an `id` as `ProposalRead`, at the moment `now`. `agent_id`, `with_rows`: as in `PAGE`.
--
-- Parameters:
--   $1 now timestamp with time zone
--   $2 with_rows integer
--   $3 user_id bigint
--   $4 id bigint
--   $5 agent_id bigint
--
-- Columns:
--   row json
--   agent_id bigint

SELECT
    (
        SELECT row_to_json(shaped) AS row_to_json_1
        FROM (
            SELECT
                proposals.id AS id,
                proposals.agent_id AS agent_id,
                proposals.operation AS operation,
                CASE
                    WHEN (proposals.decision IS NOT NULL) THEN proposals.decision
                    WHEN (proposals.expires_at > $1::TIMESTAMP WITH TIME ZONE) THEN 'waiting'
                    ELSE 'expired'
                END AS status,
                proposals.reason AS agent_says,
                (to_json(timezone('UTC', proposals.said_at)) #>> '{}') || 'Z' AS said_at,
                proposals.said_in AS said_in,
                proposals.via AS via,
                proposals.client AS client,
                (to_json(timezone('UTC', proposals.expires_at)) #>> '{}') || 'Z' AS expires_at,
                (to_json(timezone('UTC', proposals.decided_at)) #>> '{}') || 'Z' AS decided_at,
                proposals.decided_by AS decided_by,
                proposals.note AS note,
                proposals.change_id AS change_id,
                CASE WHEN ($2::INTEGER = 1) THEN proposals.shown ELSE '[]'::json END AS entries,
                proposals.rows - json_array_length(
                    CASE WHEN ($2::INTEGER = 1) THEN proposals.shown ELSE '[]'::json END
                ) AS more_entries
        ) AS shaped
    ) AS row,
    proposals.agent_id
FROM proposals
WHERE
    proposals.user_id = $3::BIGINT
    AND proposals.id = $4::BIGINT
    AND ($5::BIGINT IS NULL OR proposals.agent_id = $5::BIGINT)
