-- Take their keys from the todos with `ids`, which this transaction has written already: the version stays.
--
-- Columns: `row`, their `TodoRead`. Reads `uq_todos_user_id_id`.
--
-- Parameters:
--   $1 user_id bigint
--   $2 ids bigint[]
--
-- Columns:
--   id bigint
--   row json

WITH released AS (
    UPDATE todos
    SET key=NULL
    WHERE todos.user_id = $1::BIGINT AND todos.id = ANY ($2::BIGINT[])
    RETURNING
        todos.id,
        todos.user_id,
        todos.title,
        todos.description,
        todos.priority,
        todos.completed_at,
        todos.deleted_at,
        todos.created_at,
        todos.updated_at,
        todos.version,
        todos.list_id,
        todos.parent_id,
        todos.start,
        todos.due_date,
        todos.due_time,
        todos.due_at,
        todos.repeat,
        todos.follows_id,
        todos.language,
        todos.words,
        todos.title_key,
        todos.alike_key,
        todos.same_key,
        todos.place,
        todos.chosen_place,
        todos.key,
        todos.source,
        todos.note_count
)
SELECT
    released.id,
    (
        SELECT row_to_json(shaped) AS row_to_json_1
        FROM (
            SELECT
                released.id AS id,
                released.title AS title,
                released.description AS description,
                (ARRAY['low','medium','high','urgent'])[released.priority] AS priority,
                released.list_id AS list_id,
                released.parent_id AS parent_id,
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
                                        AND todo_tags.todo_id = released.id
                                )
                                AND tags.deleted_at IS NULL
                            ORDER BY tags.name_key
                        )
                    )
                ) AS tags,
                released.start AS start,
                (
                    SELECT row_to_json(due) AS row_to_json_2
                    FROM (
                        SELECT
                            CAST(
                                coalesce(
                                    CAST(released.due_date AS TIMESTAMP WITHOUT TIME ZONE),
                                    timezone(users.time_zone, released.due_at)
                                ) AS DATE
                            ) AS date,
                            CASE
                                WHEN (released.due_date IS NULL)
                                THEN to_char(timezone(users.time_zone, released.due_at), 'HH24:MI')
                                WHEN (CAST(released.due_time AS TEXT) LIKE '__:__:00')
                                THEN left(CAST(released.due_time AS TEXT), 5)
                                ELSE CAST(released.due_time AS TEXT)
                            END AS time,
                            to_char(
                                coalesce(
                                    CAST(released.due_date AS TIMESTAMP WITHOUT TIME ZONE),
                                    timezone(users.time_zone, released.due_at)
                                ),
                                'FMDay'
                            ) AS weekday,
                            users.time_zone AS time_zone,
                            (to_json(timezone('UTC', released.due_at)) #>> '{}') || 'Z' AS at,
                            CASE
                                WHEN (released.due_date IS NULL) THEN 'moment'
                                WHEN (CAST(released.due_time AS TEXT) IS NULL) THEN 'day'
                                ELSE 'time'
                            END AS kind
                        FROM users
                        WHERE users.id = $1::BIGINT AND released.due_at IS NOT NULL
                    ) AS due
                ) AS due,
                released.repeat AS repeat,
                released.completed_at IS NOT NULL AS is_completed,
                (to_json(timezone('UTC', released.completed_at)) #>> '{}') || 'Z' AS completed_at,
                (to_json(timezone('UTC', released.created_at)) #>> '{}') || 'Z' AS created_at,
                (to_json(timezone('UTC', released.updated_at)) #>> '{}') || 'Z' AS updated_at,
                (to_json(timezone('UTC', released.deleted_at)) #>> '{}') || 'Z' AS deleted_at,
                subtasks.live AS all_subtasks,
                subtasks.open AS open_subtasks,
                subtasks.live - subtasks.open AS done_subtasks,
                released.key AS key,
                released.source AS source,
                released.note_count AS note_count,
                released.version AS version
            FROM (
                SELECT
                    count(*) FILTER (
                        WHERE child.deleted_at IS NULL AND child.completed_at IS NULL
                    ) AS open,
                    count(*) FILTER (WHERE child.deleted_at IS NULL) AS live
                FROM todos AS child
                WHERE child.user_id = $1::BIGINT AND child.parent_id = released.id
            ) AS subtasks
        ) AS shaped
    ) AS row
FROM released
