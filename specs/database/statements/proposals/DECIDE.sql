-- Write a `decision` on the proposal with an `id`, if it waits at the moment `now`, and return its `ProposalRead`.
--
-- `decided_by`: how the person decided. `note`: what the person says. `change_id`: the change that was made of it, or
-- null.
--
-- Parameters:
--   $1 now timestamp with time zone
--   $2 decision character varying
--   $3 decided_by character varying
--   $4 note character varying
--   $5 change_id bigint
--   $6 user_id bigint
--   $7 id bigint
--
-- Columns:
--   row json

WITH decided AS (
    UPDATE proposals
    SET
        decision=$2::VARCHAR,
        decided_at=$1::TIMESTAMP WITH TIME ZONE,
        decided_by=$3::VARCHAR,
        note=$4::VARCHAR,
        change_id=$5::BIGINT
    WHERE
        proposals.user_id = $6::BIGINT
        AND proposals.id = $7::BIGINT
        AND proposals.decision IS NULL
        AND proposals.expires_at > $1::TIMESTAMP WITH TIME ZONE
    RETURNING
        proposals.user_id,
        proposals.id,
        proposals.agent_id,
        proposals.operation,
        proposals.call,
        proposals.said_at,
        proposals.said_in,
        proposals.shown,
        proposals.effects,
        proposals.rows,
        proposals.reason,
        proposals.via,
        proposals.client,
        proposals.token_id,
        proposals.expires_at,
        proposals.decision,
        proposals.decided_at,
        proposals.decided_by,
        proposals.note,
        proposals.change_id
)
SELECT (
    SELECT row_to_json(shaped) AS row_to_json_1
    FROM (
        SELECT
            decided.id AS id,
            decided.agent_id AS agent_id,
            decided.operation AS operation,
            CASE
                WHEN (decided.decision IS NOT NULL) THEN decided.decision
                WHEN (decided.expires_at > $1::TIMESTAMP WITH TIME ZONE) THEN 'waiting'
                ELSE 'expired'
            END AS status,
            decided.reason AS agent_says,
            (to_json(timezone('UTC', decided.said_at)) #>> '{}') || 'Z' AS said_at,
            decided.said_in AS said_in,
            decided.via AS via,
            decided.client AS client,
            (to_json(timezone('UTC', decided.expires_at)) #>> '{}') || 'Z' AS expires_at,
            (to_json(timezone('UTC', decided.decided_at)) #>> '{}') || 'Z' AS decided_at,
            decided.decided_by AS decided_by,
            decided.note AS note,
            decided.change_id AS change_id,
            CASE WHEN true THEN decided.shown ELSE '[]'::json END AS entries,
            decided.rows - json_array_length(
                CASE WHEN true THEN decided.shown ELSE '[]'::json END
            ) AS more_entries
    ) AS shaped
) AS row
FROM decided
