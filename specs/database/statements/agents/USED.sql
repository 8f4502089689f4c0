-- Store that the agent with an `id` is used now, and count its changes, unless another process has in the last minute.
-- Reads `ix_changes_agent_id`.
--
-- Parameters:
--   $1 user_id bigint
--   $2 id bigint

UPDATE agents
SET
    last_used_at=now(),
    changes=(
        agents.changes + (
            SELECT count(*) AS count_1
            FROM changes AS made
            WHERE
                made.user_id = agents.user_id
                AND made.agent_id = agents.id
                AND made.id > agents.counted_through
        )
    ),
    counted_through=greatest(
        agents.counted_through,
        (
            SELECT max(newest.id) AS max_1
            FROM changes AS newest
            WHERE newest.user_id = agents.user_id AND newest.agent_id = agents.id
        )
    )
WHERE
    agents.user_id = $1::BIGINT
    AND agents.id = $2::BIGINT
    AND agents.last_used_at <= now() - make_interval(secs=>60.0)
