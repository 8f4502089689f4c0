-- Read the todos with `ids`, their parents and their subtasks at every level, those in the trash too.
--
-- Columns: `repeats`, whether it repeats; `follows_id`, the occurrence that it came after; `row`, its `TodoRead`. Reads
-- `uq_todos_user_id_id` and `ix_todos_parent`.
--
-- Parameters:
--   $1 user_id bigint
--   $2 ids bigint[]
--
-- Columns:
--   id bigint
--   parent_id bigint
--   list_id bigint
--   completed_at timestamp with time zone
--   deleted_at timestamp with time zone
--   version integer
--   place bigint
--   repeats boolean
--   follows_id bigint
--   row json

WITH RECURSIVE
    up(id, parent_id) AS (
        SELECT todos.id AS id, todos.parent_id AS parent_id
        FROM todos
        WHERE todos.user_id = $1::BIGINT AND todos.id = ANY ($2::BIGINT[])
        UNION
        SELECT parent.id AS id, parent.parent_id AS parent_id
        FROM todos AS parent, up
        WHERE parent.user_id = $1::BIGINT AND parent.id = up.parent_id
    ),
    down(id) AS (
        SELECT todos.id AS id
        FROM todos
        WHERE todos.user_id = $1::BIGINT AND todos.id = ANY ($2::BIGINT[])
        UNION
        SELECT child.id AS id
        FROM todos AS child, down
        WHERE child.user_id = $1::BIGINT AND child.parent_id = down.id
    )
SELECT
    todos.id,
    todos.parent_id,
    todos.list_id,
    todos.completed_at,
    todos.deleted_at,
    todos.version,
    todos.place,
    todos.repeat IS NOT NULL AS repeats,
    todos.follows_id,
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
                coalesce(
                    CAST(
                        (
                            SELECT jsonb_object_agg(
                                counted.parent_id, counted.live
                            ) AS jsonb_object_agg_1
                            FROM (
                                SELECT
                                    child.parent_id AS parent_id,
                                    count(*) FILTER (
                                        WHERE
                                            child.deleted_at IS NULL
                                            AND child.completed_at IS NULL
                                    ) AS open,
                                    count(*) FILTER (WHERE child.deleted_at IS NULL) AS live
                                FROM todos AS child
                                WHERE
                                    child.user_id = $1::BIGINT
                                    AND child.parent_id = ANY (
                                        array((SELECT up.id FROM up UNION SELECT down.id FROM down))
                                    )
                                GROUP BY child.parent_id
                            ) AS counted
                        ) ->> CAST(todos.id AS TEXT) AS BIGINT
                    ),
                    0
                ) AS all_subtasks,
                coalesce(
                    CAST(
                        (
                            SELECT jsonb_object_agg(
                                counted.parent_id, counted.open
                            ) AS jsonb_object_agg_2
                            FROM (
                                SELECT
                                    child.parent_id AS parent_id,
                                    count(*) FILTER (
                                        WHERE
                                            child.deleted_at IS NULL
                                            AND child.completed_at IS NULL
                                    ) AS open,
                                    count(*) FILTER (WHERE child.deleted_at IS NULL) AS live
                                FROM todos AS child
                                WHERE
                                    child.user_id = $1::BIGINT
                                    AND child.parent_id = ANY (
                                        array((SELECT up.id FROM up UNION SELECT down.id FROM down))
                                    )
                                GROUP BY child.parent_id
                            ) AS counted
                        ) ->> CAST(todos.id AS TEXT) AS BIGINT
                    ),
                    0
                ) AS open_subtasks,
                coalesce(
                    CAST(
                        (
                            (
                                SELECT jsonb_object_agg(
                                    counted.parent_id, counted.live
                                ) AS jsonb_object_agg_1
                                FROM (
                                    SELECT
                                        child.parent_id AS parent_id,
                                        count(*) FILTER (
                                            WHERE
                                                child.deleted_at IS NULL
                                                AND child.completed_at IS NULL
                                        ) AS open,
                                        count(*) FILTER (WHERE child.deleted_at IS NULL) AS live
                                    FROM todos AS child
                                    WHERE
                                        child.user_id = $1::BIGINT
                                        AND child.parent_id = ANY (
                                            array(
                                                (
                                                    SELECT up.id
                                                    FROM up
                                                    UNION
                                                    SELECT down.id
                                                    FROM down
                                                )
                                            )
                                        )
                                    GROUP BY child.parent_id
                                ) AS counted
                            ) ->> CAST(todos.id AS TEXT)
                        ) AS BIGINT
                    ),
                    0
                ) - coalesce(
                    CAST(
                        (
                            (
                                SELECT jsonb_object_agg(
                                    counted.parent_id, counted.open
                                ) AS jsonb_object_agg_2
                                FROM (
                                    SELECT
                                        child.parent_id AS parent_id,
                                        count(*) FILTER (
                                            WHERE
                                                child.deleted_at IS NULL
                                                AND child.completed_at IS NULL
                                        ) AS open,
                                        count(*) FILTER (WHERE child.deleted_at IS NULL) AS live
                                    FROM todos AS child
                                    WHERE
                                        child.user_id = $1::BIGINT
                                        AND child.parent_id = ANY (
                                            array(
                                                (
                                                    SELECT up.id
                                                    FROM up
                                                    UNION
                                                    SELECT down.id
                                                    FROM down
                                                )
                                            )
                                        )
                                    GROUP BY child.parent_id
                                ) AS counted
                            ) ->> CAST(todos.id AS TEXT)
                        ) AS BIGINT
                    ),
                    0
                ) AS done_subtasks,
                todos.key AS key,
                todos.source AS source,
                todos.note_count AS note_count,
                todos.version AS version
        ) AS shaped
    ) AS row
FROM todos
WHERE
    todos.user_id = $1::BIGINT
    AND todos.id IN (SELECT up.id FROM up UNION SELECT down.id FROM down)
ORDER BY todos.id
