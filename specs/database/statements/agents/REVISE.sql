-- Set the fields of the agent with an `id` that are in `given` to their values; the others keep theirs.
--
-- Values: `name`, `verbs`, `mode`, `rows_per_day`, `until`, `lists`, `own_lists`. Columns: its `version` before, its
-- `AgentRead` before, and after or null if nothing changed.
--
-- Parameters:
--   $1 user_id bigint
--   $2 id bigint
--   $3 given text[]
--   $4 name character varying
--   $5 verbs text[]
--   $6 mode character varying
--   $7 rows_per_day integer
--   $8 until timestamp with time zone
--   $9 lists bigint[]
--   $10 own_lists boolean
--
-- Columns:
--   version integer
--   before json
--   after json

WITH
    stored AS (
        SELECT
            agents.id AS id,
            agents.user_id AS user_id,
            agents.kind AS kind,
            agents.known_as AS known_as,
            agents.name AS name,
            agents.created_at AS created_at,
            agents.last_used_at AS last_used_at,
            agents.changes AS changes,
            agents.counted_through AS counted_through,
            agents.blocked_at AS blocked_at,
            agents.verbs AS verbs,
            agents.mode AS mode,
            agents.rows_per_day AS rows_per_day,
            agents.until AS until,
            agents.lists AS lists,
            agents.own_lists AS own_lists,
            agents.updated_at AS updated_at,
            agents.version AS version
        FROM agents
        WHERE agents.user_id = $1::BIGINT AND agents.id = $2::BIGINT
        FOR UPDATE
    ),
    revised AS (
        UPDATE agents
        SET
            name=CASE WHEN ('name' = ANY ($3::TEXT[])) THEN $4::VARCHAR ELSE stored.name END,
            verbs=CASE WHEN ('verbs' = ANY ($3::TEXT[])) THEN $5::TEXT[] ELSE stored.verbs END,
            mode=CASE WHEN ('mode' = ANY ($3::TEXT[])) THEN $6::VARCHAR ELSE stored.mode END,
            rows_per_day=CASE
                WHEN ('rows_per_day' = ANY ($3::TEXT[])) THEN $7::INTEGER ELSE stored.rows_per_day
            END,
            until=CASE
                WHEN ('until' = ANY ($3::TEXT[])) THEN $8::TIMESTAMP WITH TIME ZONE
                ELSE stored.until
            END,
            lists=CASE WHEN ('lists' = ANY ($3::TEXT[])) THEN $9::BIGINT[] ELSE stored.lists END,
            own_lists=CASE
                WHEN ('own_lists' = ANY ($3::TEXT[])) THEN $10::BOOLEAN ELSE stored.own_lists
            END,
            updated_at=statement_timestamp(),
            version=(stored.version + 1)
        FROM stored
        WHERE
            agents.user_id = $1::BIGINT
            AND agents.id = stored.id
            AND (
                CASE WHEN ('name' = ANY ($3::TEXT[])) THEN $4::VARCHAR ELSE stored.name END,
                CASE WHEN ('verbs' = ANY ($3::TEXT[])) THEN $5::TEXT[] ELSE stored.verbs END,
                CASE WHEN ('mode' = ANY ($3::TEXT[])) THEN $6::VARCHAR ELSE stored.mode END,
                CASE
                    WHEN ('rows_per_day' = ANY ($3::TEXT[])) THEN $7::INTEGER
                    ELSE stored.rows_per_day
                END,
                CASE
                    WHEN ('until' = ANY ($3::TEXT[])) THEN $8::TIMESTAMP WITH TIME ZONE
                    ELSE stored.until
                END,
                CASE WHEN ('lists' = ANY ($3::TEXT[])) THEN $9::BIGINT[] ELSE stored.lists END,
                CASE
                    WHEN ('own_lists' = ANY ($3::TEXT[])) THEN $10::BOOLEAN ELSE stored.own_lists
                END
            ) IS DISTINCT FROM (
                stored.name,
                stored.verbs,
                stored.mode,
                stored.rows_per_day,
                stored.until,
                stored.lists,
                stored.own_lists
            )
        RETURNING
            agents.id,
            agents.user_id,
            agents.kind,
            agents.known_as,
            agents.name,
            agents.created_at,
            agents.last_used_at,
            agents.changes,
            agents.counted_through,
            agents.blocked_at,
            agents.verbs,
            agents.mode,
            agents.rows_per_day,
            agents.until,
            agents.lists,
            agents.own_lists,
            agents.updated_at,
            agents.version
    )
SELECT
    stored.version,
    (
        SELECT row_to_json(shaped) AS row_to_json_1
        FROM (
            SELECT
                stored.id AS id,
                stored.kind AS kind,
                stored.known_as AS known_as,
                stored.name AS name,
                (to_json(timezone('UTC', stored.created_at)) #>> '{}') || 'Z' AS created_at,
                (to_json(timezone('UTC', stored.last_used_at)) #>> '{}') || 'Z' AS last_used_at,
                stored.changes + (
                    SELECT count(*) AS count_1
                    FROM changes AS made
                    WHERE
                        made.user_id = stored.user_id
                        AND made.agent_id = stored.id
                        AND made.id > stored.counted_through
                ) AS changes,
                (to_json(timezone('UTC', stored.blocked_at)) #>> '{}') || 'Z' AS blocked_at,
                stored.verbs AS verbs,
                stored.mode AS mode,
                stored.rows_per_day AS rows_per_day,
                (to_json(timezone('UTC', stored.until)) #>> '{}') || 'Z' AS until,
                stored.lists AS lists,
                stored.own_lists AS own_lists,
                stored.version AS version
        ) AS shaped
    ) AS before,
    CASE
        WHEN (revised.id IS NOT NULL)
        THEN (
            SELECT row_to_json(shaped) AS row_to_json_2
            FROM (
                SELECT
                    revised.id AS id,
                    revised.kind AS kind,
                    revised.known_as AS known_as,
                    revised.name AS name,
                    (to_json(timezone('UTC', revised.created_at)) #>> '{}') || 'Z' AS created_at,
                    (
                        to_json(timezone('UTC', revised.last_used_at)) #>> '{}'
                    ) || 'Z' AS last_used_at,
                    revised.changes + (
                        SELECT count(*) AS count_2
                        FROM changes AS made
                        WHERE
                            made.user_id = revised.user_id
                            AND made.agent_id = revised.id
                            AND made.id > revised.counted_through
                    ) AS changes,
                    (to_json(timezone('UTC', revised.blocked_at)) #>> '{}') || 'Z' AS blocked_at,
                    revised.verbs AS verbs,
                    revised.mode AS mode,
                    revised.rows_per_day AS rows_per_day,
                    (to_json(timezone('UTC', revised.until)) #>> '{}') || 'Z' AS until,
                    revised.lists AS lists,
                    revised.own_lists AS own_lists,
                    revised.version AS version
            ) AS shaped
        )
    END AS after
FROM stored
LEFT OUTER JOIN revised ON revised.id = stored.id
