-- Read the live todo with an `id`, and the user's `newest_change`, in one snapshot; null where none is left.
--
-- That one (`standing.LATEST_CHANGE`) is read from `pk_changes`, and the rest as by `ONE`. To look for the last that was
-- deleted, too, would take PostgreSQL as long again.
--
-- Parameters:
--   $1 user_id bigint
--   $2 id bigint
--
-- Columns:
--   row json
--   newest_change text

SELECT
    (
        SELECT row_to_json(shaped) AS row_to_json_1
        FROM (
            SELECT
                todos.id AS id,
                todos.title AS title,
                todos.description AS description,
                (ARRAY['low','medium','high','urgent'])[todos.priority] AS priority,
                todos.list_id AS list_id,
                todos.parent_id AS parent_id,
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
                                        AND todo_tags.todo_id = todos.id
                                )
                                AND tags.deleted_at IS NULL
                            ORDER BY tags.name_key
                        )
                    )
                ) AS tags,
                todos.start AS start,
                (
                    SELECT row_to_json(due) AS row_to_json_2
                    FROM (
                        SELECT
                            CAST(
                                coalesce(
                                    CAST(todos.due_date AS TIMESTAMP WITHOUT TIME ZONE),
                                    timezone(users.time_zone, todos.due_at)
                                ) AS DATE
                            ) AS date,
                            CASE
                                WHEN (todos.due_date IS NULL)
                                THEN to_char(timezone(users.time_zone, todos.due_at), 'HH24:MI')
                                WHEN (CAST(todos.due_time AS TEXT) LIKE '__:__:00')
                                THEN left(CAST(todos.due_time AS TEXT), 5)
                                ELSE CAST(todos.due_time AS TEXT)
                            END AS time,
                            to_char(
                                coalesce(
                                    CAST(todos.due_date AS TIMESTAMP WITHOUT TIME ZONE),
                                    timezone(users.time_zone, todos.due_at)
                                ),
                                'FMDay'
                            ) AS weekday,
                            users.time_zone AS time_zone,
                            (to_json(timezone('UTC', todos.due_at)) #>> '{}') || 'Z' AS at,
                            CASE
                                WHEN (todos.due_date IS NULL) THEN 'moment'
                                WHEN (CAST(todos.due_time AS TEXT) IS NULL) THEN 'day'
                                ELSE 'time'
                            END AS kind
                        FROM users
                        WHERE users.id = $1::BIGINT AND todos.due_at IS NOT NULL
                    ) AS due
                ) AS due,
                todos.repeat AS repeat,
                todos.completed_at IS NOT NULL AS is_completed,
                (to_json(timezone('UTC', todos.completed_at)) #>> '{}') || 'Z' AS completed_at,
                (to_json(timezone('UTC', todos.created_at)) #>> '{}') || 'Z' AS created_at,
                (to_json(timezone('UTC', todos.updated_at)) #>> '{}') || 'Z' AS updated_at,
                (to_json(timezone('UTC', todos.deleted_at)) #>> '{}') || 'Z' AS deleted_at,
                subtasks.live AS all_subtasks,
                subtasks.open AS open_subtasks,
                subtasks.live - subtasks.open AS done_subtasks,
                todos.key AS key,
                todos.source AS source,
                todos.note_count AS note_count,
                todos.version AS version,
                CASE
                    WHEN (todos.note_count > 0)
                    THEN (
                        SELECT json_agg(newest.row) AS json_agg_1
                        FROM (
                            SELECT (
                                SELECT row_to_json(shaped) AS row_to_json_3
                                FROM (
                                    SELECT
                                        notes.id AS id,
                                        notes.todo_id AS todo_id,
                                        notes.text AS text,
                                        notes.author AS author,
                                        (
                                            to_json(timezone('UTC', notes.created_at)) #>> '{}'
                                        ) || 'Z' AS created_at
                                ) AS shaped
                            ) AS row
                            FROM notes
                            WHERE notes.user_id = $1::BIGINT AND notes.todo_id = todos.id
                            ORDER BY notes.id DESC
                            LIMIT 3
                        ) AS newest
                    )
                    ELSE '[]'::json
                END AS notes
            FROM (
                SELECT
                    count(*) FILTER (
                        WHERE child.deleted_at IS NULL AND child.completed_at IS NULL
                    ) AS open,
                    count(*) FILTER (WHERE child.deleted_at IS NULL) AS live
                FROM todos AS child
                WHERE child.user_id = $1::BIGINT AND child.parent_id = todos.id
            ) AS subtasks
        ) AS shaped
    ) AS row,
    (
        SELECT concat(changes.id, '@', EXTRACT(epoch FROM changes.at)) AS newest
        FROM changes
        WHERE changes.user_id = $1::BIGINT
        ORDER BY changes.id DESC
        LIMIT 1
    ) AS newest_change
FROM todos
WHERE todos.user_id = $1::BIGINT AND todos.id = $2::BIGINT AND todos.deleted_at IS NULL
