-- Lock the proposal with an `id` and read it: its columns, its `status` at the moment `now`, and `row`, its
-- `ProposalRead`; of its agent the version, the mode and the rest of its mandate, whether it is blocked or its time over
-- (`is_agent_out`), and whether it is of an API token that was revoked or has expired (`is_token_gone`).
--
-- Parameters:
--   $1 user_id bigint
--   $2 now timestamp with time zone
--   $3 id bigint
--
-- Columns:
--   agent_version integer
--   agent_mode text
--   agent_verbs text[]
--   agent_rows_per_day integer
--   agent_lists json
--   agent_own_lists boolean
--   is_agent_out boolean
--   is_token_gone boolean
--   id bigint
--   agent_id bigint
--   operation text
--   call json
--   said_at timestamp with time zone
--   said_in text
--   effects json
--   via text
--   client text
--   token_id bigint
--   status text
--   row json

SELECT
    (
        SELECT agents.version
        FROM agents
        WHERE
            agents.user_id = $1::BIGINT
            AND agents.user_id = proposals.user_id
            AND agents.id = proposals.agent_id
    ) AS agent_version,
    (
        SELECT agents.mode
        FROM agents
        WHERE
            agents.user_id = $1::BIGINT
            AND agents.user_id = proposals.user_id
            AND agents.id = proposals.agent_id
    ) AS agent_mode,
    (
        SELECT agents.verbs
        FROM agents
        WHERE
            agents.user_id = $1::BIGINT
            AND agents.user_id = proposals.user_id
            AND agents.id = proposals.agent_id
    ) AS agent_verbs,
    (
        SELECT agents.rows_per_day
        FROM agents
        WHERE
            agents.user_id = $1::BIGINT
            AND agents.user_id = proposals.user_id
            AND agents.id = proposals.agent_id
    ) AS agent_rows_per_day,
    (
        SELECT to_json(agents.lists) AS to_json_1
        FROM agents
        WHERE
            agents.user_id = $1::BIGINT
            AND agents.user_id = proposals.user_id
            AND agents.id = proposals.agent_id
    ) AS agent_lists,
    (
        SELECT agents.own_lists
        FROM agents
        WHERE
            agents.user_id = $1::BIGINT
            AND agents.user_id = proposals.user_id
            AND agents.id = proposals.agent_id
    ) AS agent_own_lists,
    (
        SELECT agents.blocked_at IS NOT NULL
        OR coalesce(agents.until <= $2::TIMESTAMP WITH TIME ZONE, false) AS anon_1
        FROM agents
        WHERE
            agents.user_id = $1::BIGINT
            AND agents.user_id = proposals.user_id
            AND agents.id = proposals.agent_id
    ) AS is_agent_out,
    (
        SELECT agents.kind
        FROM agents
        WHERE
            agents.user_id = $1::BIGINT
            AND agents.user_id = proposals.user_id
            AND agents.id = proposals.agent_id
    ) = 'token'
    AND NOT (
        EXISTS (
            SELECT api_tokens.id
            FROM api_tokens
            WHERE
                api_tokens.user_id = $1::BIGINT
                AND CAST(api_tokens.id AS TEXT) = (
                    SELECT agents.known_as
                    FROM agents
                    WHERE
                        agents.user_id = $1::BIGINT
                        AND agents.user_id = proposals.user_id
                        AND agents.id = proposals.agent_id
                )
                AND api_tokens.revoked_at IS NULL
                AND coalesce(api_tokens.expires_at > $2::TIMESTAMP WITH TIME ZONE, true)
        )
    ) AS is_token_gone,
    proposals.id,
    proposals.agent_id,
    proposals.operation,
    proposals.call,
    proposals.said_at,
    proposals.said_in,
    proposals.effects,
    proposals.via,
    proposals.client,
    proposals.token_id,
    CASE
        WHEN (proposals.decision IS NOT NULL) THEN proposals.decision
        WHEN (proposals.expires_at > $2::TIMESTAMP WITH TIME ZONE) THEN 'waiting'
        ELSE 'expired'
    END AS status,
    (
        SELECT row_to_json(shaped) AS row_to_json_1
        FROM (
            SELECT
                proposals.id AS id,
                proposals.agent_id AS agent_id,
                proposals.operation AS operation,
                CASE
                    WHEN (proposals.decision IS NOT NULL) THEN proposals.decision
                    WHEN (proposals.expires_at > $2::TIMESTAMP WITH TIME ZONE) THEN 'waiting'
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
                CASE WHEN true THEN proposals.shown ELSE '[]'::json END AS entries,
                proposals.rows - json_array_length(
                    CASE WHEN true THEN proposals.shown ELSE '[]'::json END
                ) AS more_entries
        ) AS shaped
    ) AS row
FROM proposals
WHERE proposals.user_id = $1::BIGINT AND proposals.id = $3::BIGINT
FOR UPDATE
