-- Read every agent of the user, the one used last first: `rows`, a JSON array of `AgentRead`, and `total`.
--
-- Parameters:
--   $1 user_id bigint
--
-- Columns:
--   rows json
--   total bigint

SELECT
    coalesce(
        json_agg(
            (
                SELECT row_to_json(shaped) AS row_to_json_1
                FROM (
                    SELECT
                        agents.id AS id,
                        agents.kind AS kind,
                        agents.known_as AS known_as,
                        agents.name AS name,
                        (to_json(timezone('UTC', agents.created_at)) #>> '{}') || 'Z' AS created_at,
                        (
                            to_json(timezone('UTC', agents.last_used_at)) #>> '{}'
                        ) || 'Z' AS last_used_at,
                        agents.changes + (
                            SELECT count(*) AS count_1
                            FROM changes AS made
                            WHERE
                                made.user_id = agents.user_id
                                AND made.agent_id = agents.id
                                AND made.id > agents.counted_through
                        ) AS changes,
                        (to_json(timezone('UTC', agents.blocked_at)) #>> '{}') || 'Z' AS blocked_at,
                        agents.verbs AS verbs,
                        agents.mode AS mode,
                        agents.rows_per_day AS rows_per_day,
                        (to_json(timezone('UTC', agents.until)) #>> '{}') || 'Z' AS until,
                        agents.lists AS lists,
                        agents.own_lists AS own_lists,
                        agents.version AS version
                ) AS shaped
            )
            ORDER BY agents.last_used_at DESC, agents.id DESC
        ),
        '[]'::json
    ) AS rows,
    count(*) AS total
FROM agents
WHERE agents.user_id = $1::BIGINT
