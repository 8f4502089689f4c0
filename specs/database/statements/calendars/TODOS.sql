-- Read what an address shows as `ShownTodo`: what is due between `since` and `until`, what is next to `now` first.
--
-- `owner`: the user. `list_id`: the list; null: all that are not archived. `zone`: the user's time zone. At most `MOST`.
--
-- Parameters:
--   $1 zone character varying
--   $2 owner bigint
--   $3 since timestamp with time zone
--   $4 until timestamp with time zone
--   $5 list_id bigint
--   $6 now timestamp with time zone
--
-- Columns:
--   row json

SELECT (
    SELECT row_to_json(shaped) AS row_to_json_1
    FROM (
        SELECT
            nearest.id AS id,
            nearest.title AS title,
            nearest.description AS description,
            (ARRAY['low','medium','high','urgent'])[nearest.priority] AS priority,
            nearest.list_id AS list_id,
            nearest.start AS start,
            CASE
                WHEN (nearest.due_at IS NOT NULL)
                THEN (
                    SELECT row_to_json(shaped) AS row_to_json_2
                    FROM (
                        SELECT
                            CAST(
                                coalesce(
                                    CAST(nearest.due_date AS TIMESTAMP WITHOUT TIME ZONE),
                                    timezone($1::VARCHAR, nearest.due_at)
                                ) AS DATE
                            ) AS date,
                            CASE
                                WHEN (nearest.due_date IS NULL)
                                THEN to_char(timezone($1::VARCHAR, nearest.due_at), 'HH24:MI')
                                WHEN (CAST(nearest.due_time AS TEXT) LIKE '__:__:00')
                                THEN left(CAST(nearest.due_time AS TEXT), 5)
                                ELSE CAST(nearest.due_time AS TEXT)
                            END AS time,
                            to_char(
                                coalesce(
                                    CAST(nearest.due_date AS TIMESTAMP WITHOUT TIME ZONE),
                                    timezone($1::VARCHAR, nearest.due_at)
                                ),
                                'FMDay'
                            ) AS weekday,
                            $1::VARCHAR AS time_zone,
                            (to_json(timezone('UTC', nearest.due_at)) #>> '{}') || 'Z' AS at,
                            CASE
                                WHEN (nearest.due_date IS NULL) THEN 'moment'
                                WHEN (CAST(nearest.due_time AS TEXT) IS NULL) THEN 'day'
                                ELSE 'time'
                            END AS kind
                    ) AS shaped
                )
            END AS due,
            nearest.repeat AS repeat,
            (to_json(timezone('UTC', nearest.completed_at)) #>> '{}') || 'Z' AS completed_at,
            (to_json(timezone('UTC', nearest.created_at)) #>> '{}') || 'Z' AS created_at,
            (to_json(timezone('UTC', nearest.updated_at)) #>> '{}') || 'Z' AS updated_at,
            nearest.is_followed AS is_followed
    ) AS shaped
) AS row
FROM (
    SELECT
        todos.id AS id,
        todos.title AS title,
        todos.description AS description,
        todos.priority AS priority,
        todos.list_id AS list_id,
        todos.start AS start,
        todos.due_date AS due_date,
        todos.due_time AS due_time,
        todos.due_at AS due_at,
        todos.repeat AS repeat,
        todos.completed_at AS completed_at,
        todos.created_at AS created_at,
        todos.updated_at AS updated_at,
        EXISTS (
            SELECT 1
            FROM todos AS follower
            WHERE
                follower.user_id = $2::BIGINT
                AND follower.follows_id = todos.id
                AND follower.deleted_at IS NULL
        ) AS is_followed
    FROM todos
    WHERE
        todos.user_id = $2::BIGINT
        AND todos.deleted_at IS NULL
        AND todos.due_at BETWEEN $3::TIMESTAMP WITH TIME ZONE AND $4::TIMESTAMP WITH TIME ZONE
        AND todos.list_id IN (
            SELECT lists.id
            FROM lists
            WHERE
                lists.user_id = $2::BIGINT
                AND lists.deleted_at IS NULL
                AND ($5::BIGINT IS NULL AND lists.archived_at IS NULL OR lists.id = $5::BIGINT)
        )
    ORDER BY
        CASE WHEN (todos.due_at >= $6::TIMESTAMP WITH TIME ZONE) THEN todos.due_at END NULLS LAST,
        todos.due_at DESC,
        todos.id
    LIMIT 5000
) AS nearest
