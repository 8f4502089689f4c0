-- Count the todos that an agent moved to the trash in the last `MINUTES` unasked, but for what was undone, or approved
-- as a proposal.
--
-- `agent_id`: the agent.
-- Reads `pk_changes`, `pk_change_entries` and `pk_undone_changes`.
--
-- Parameters:
--   $1 user_id bigint
--   $2 agent_id bigint
--
-- Columns:
--   count_1 bigint

SELECT count(*) AS count_1
FROM (
    SELECT
        changes.id AS id,
        changes.at AS at,
        changes.via AS via,
        changes.agent_id AS agent_id,
        changes.proposal_id AS proposal_id
    FROM changes
    WHERE changes.user_id = $1::BIGINT
    ORDER BY changes.id DESC
    LIMIT 1000
) AS latest
JOIN change_entries ON change_entries.change_id = latest.id
WHERE
    change_entries.user_id = $1::BIGINT
    AND latest.at > statement_timestamp() - interval '10 minutes'
    AND latest.agent_id = $2::BIGINT
    AND latest.proposal_id IS NULL
    AND latest.via LIKE 'mcp:%'
    AND latest.via NOT LIKE '%confirmed%'
    AND change_entries.entity = 'todo'
    AND change_entries.before IS NOT NULL
    AND (change_entries.before ->> 'deleted_at') IS NULL
    AND (change_entries.after ->> 'deleted_at') IS NOT NULL
    AND NOT (
        EXISTS (
            SELECT undone_changes.change_id
            FROM undone_changes
            WHERE undone_changes.user_id = $1::BIGINT AND undone_changes.change_id = latest.id
        )
    )
