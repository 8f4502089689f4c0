-- Read every todo as `ExportedTodo`: list by list, those without a parent first, siblings in their order by hand.
--
-- `zone`: the user's time zone.
--
-- Parameters:
--   $1 user_id bigint
--   $2 zone character varying
--
-- Columns:
--   row json

SELECT (
    SELECT row_to_json(shaped) AS row_to_json_1
    FROM (
        SELECT
            sorted.id AS id,
            sorted.title AS title,
            sorted.description AS description,
            (ARRAY['low','medium','high','urgent'])[sorted.priority] AS priority,
            sorted.list_id AS list_id,
            sorted.parent_id AS parent_id,
            sorted.follows_id AS follows_id,
            to_json(
                array(
                    (
                        SELECT tags.name
                        FROM tags
                        WHERE
                            tags.user_id = $1::BIGINT
                            AND tags.id IN (
                                SELECT todo_tags.tag_id
                                FROM todo_tags
                                WHERE
                                    todo_tags.user_id = $1::BIGINT
                                    AND todo_tags.todo_id = sorted.id
                            )
                            AND tags.deleted_at IS NULL
                        ORDER BY tags.name_key
                    )
                )
            ) AS tags,
            sorted.start AS start,
            CASE
                WHEN (sorted.due_at IS NOT NULL)
                THEN (
                    SELECT row_to_json(shaped) AS row_to_json_2
                    FROM (
                        SELECT
                            CAST(
                                coalesce(
                                    CAST(sorted.due_date AS TIMESTAMP WITHOUT TIME ZONE),
                                    timezone($2::VARCHAR, sorted.due_at)
                                ) AS DATE
                            ) AS date,
                            CASE
                                WHEN (sorted.due_date IS NULL)
                                THEN to_char(timezone($2::VARCHAR, sorted.due_at), 'HH24:MI')
                                WHEN (CAST(sorted.due_time AS TEXT) LIKE '__:__:00')
                                THEN left(CAST(sorted.due_time AS TEXT), 5)
                                ELSE CAST(sorted.due_time AS TEXT)
                            END AS time,
                            to_char(
                                coalesce(
                                    CAST(sorted.due_date AS TIMESTAMP WITHOUT TIME ZONE),
                                    timezone($2::VARCHAR, sorted.due_at)
                                ),
                                'FMDay'
                            ) AS weekday,
                            $2::VARCHAR AS time_zone,
                            (to_json(timezone('UTC', sorted.due_at)) #>> '{}') || 'Z' AS at,
                            CASE
                                WHEN (sorted.due_date IS NULL) THEN 'moment'
                                WHEN (CAST(sorted.due_time AS TEXT) IS NULL) THEN 'day'
                                ELSE 'time'
                            END AS kind
                    ) AS shaped
                )
            END AS due,
            sorted.repeat AS repeat,
            (to_json(timezone('UTC', sorted.completed_at)) #>> '{}') || 'Z' AS completed_at,
            (to_json(timezone('UTC', sorted.deleted_at)) #>> '{}') || 'Z' AS deleted_at,
            (to_json(timezone('UTC', sorted.created_at)) #>> '{}') || 'Z' AS created_at,
            (to_json(timezone('UTC', sorted.updated_at)) #>> '{}') || 'Z' AS updated_at,
            sorted.key AS key,
            sorted.source AS source,
            sorted.version AS version
    ) AS shaped
) AS row
FROM (
    SELECT
        todos.id AS id,
        todos.user_id AS user_id,
        todos.title AS title,
        todos.description AS description,
        todos.priority AS priority,
        todos.completed_at AS completed_at,
        todos.deleted_at AS deleted_at,
        todos.created_at AS created_at,
        todos.updated_at AS updated_at,
        todos.version AS version,
        todos.list_id AS list_id,
        todos.parent_id AS parent_id,
        todos.start AS start,
        todos.due_date AS due_date,
        todos.due_time AS due_time,
        todos.due_at AS due_at,
        todos.repeat AS repeat,
        todos.follows_id AS follows_id,
        todos.language AS language,
        todos.words AS words,
        todos.title_key AS title_key,
        todos.alike_key AS alike_key,
        todos.same_key AS same_key,
        todos.place AS place,
        todos.chosen_place AS chosen_place,
        todos.key AS key,
        todos.source AS source,
        todos.note_count AS note_count
    FROM todos
    WHERE todos.user_id = $1::BIGINT
    ORDER BY todos.list_id, todos.parent_id NULLS FIRST, todos.place, todos.id
    LIMIT ALL
    OFFSET 0
) AS sorted
