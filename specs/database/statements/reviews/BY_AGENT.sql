-- Read each agent that did something since its person last looked, or whose proposals wait at the moment `now`.
--
-- Columns: `id` and `name`; `done`, a JSON array of `DoneCount`; how many `changes` it made; how many proposals are
-- `waiting`. Reads `ix_changes_agent_id` and `ix_proposals_agent`.
--
-- Parameters:
--   $1 user_id bigint
--   $2 now timestamp with time zone
--
-- Columns:
--   id bigint
--   name text
--   done json
--   changes bigint
--   waiting bigint

SELECT each_agent.id, each_agent.name, each_agent.done, each_agent.changes, each_agent.waiting
FROM (
    SELECT
        agents.id AS id,
        agents.name AS name,
        did.done AS done,
        did.changes AS changes,
        (
            SELECT count(*) AS count_1
            FROM proposals
            WHERE
                proposals.user_id = $1::BIGINT
                AND proposals.agent_id = agents.id
                AND proposals.decision IS NULL
                AND proposals.expires_at > $2::TIMESTAMP WITH TIME ZONE
        ) AS waiting
    FROM agents
    JOIN LATERAL (
        SELECT
            coalesce(
                json_agg(
                    json_build_object('operation', counted.operation, 'changes', counted.changes)
                    ORDER BY counted.changes DESC, counted.operation
                ),
                '[]'::json
            ) AS done,
            CAST(coalesce(sum(counted.changes), 0) AS BIGINT) AS changes
        FROM (
            SELECT changes.operation AS operation, count(*) AS changes
            FROM changes
            WHERE
                changes.user_id = $1::BIGINT
                AND changes.user_id = agents.user_id
                AND changes.agent_id = agents.id
                AND changes.id > (
                    SELECT users.reviewed_through FROM users WHERE users.id = $1::BIGINT
                )
            GROUP BY changes.operation
        ) AS counted
    ) AS did
        ON true
    WHERE agents.user_id = $1::BIGINT
) AS each_agent
WHERE each_agent.changes > 0 OR each_agent.waiting > 0
ORDER BY each_agent.changes DESC, each_agent.id
