-- Count the user's todos by what they are, and read live lists and the 50 tags with the most open todos.
--
-- `start`, `end`: today where the user is, both included. `now`: overdue is what was due before. `lists` and `tags` are
-- JSON arrays of `Counted`; `last_change_id` is the `since` of the next changes.
--
-- Parameters:
--   $1 user_id bigint
--   $2 start timestamp with time zone
--   $3 end timestamp with time zone
--   $4 now timestamp with time zone
--
-- Columns:
--   open bigint
--   low bigint
--   medium bigint
--   high bigint
--   urgent bigint
--   due_today bigint
--   overdue bigint
--   completed_today bigint
--   done bigint
--   trashed bigint
--   last_change_id bigint
--   lists json
--   tags json

SELECT
    count(*) FILTER (
        WHERE
            todos.deleted_at IS NULL
            AND todos.completed_at IS NULL
            AND todos.list_id != ALL (
                array(
                    (
                        SELECT lists.id
                        FROM lists
                        WHERE lists.user_id = $1::BIGINT AND lists.archived_at IS NOT NULL
                    )
                )
            )
    ) AS open,
    count(*) FILTER (
        WHERE
            todos.deleted_at IS NULL
            AND todos.completed_at IS NULL
            AND todos.list_id != ALL (
                array(
                    (
                        SELECT lists.id
                        FROM lists
                        WHERE lists.user_id = $1::BIGINT AND lists.archived_at IS NOT NULL
                    )
                )
            )
            AND todos.priority = 1
    ) AS low,
    count(*) FILTER (
        WHERE
            todos.deleted_at IS NULL
            AND todos.completed_at IS NULL
            AND todos.list_id != ALL (
                array(
                    (
                        SELECT lists.id
                        FROM lists
                        WHERE lists.user_id = $1::BIGINT AND lists.archived_at IS NOT NULL
                    )
                )
            )
            AND todos.priority = 2
    ) AS medium,
    count(*) FILTER (
        WHERE
            todos.deleted_at IS NULL
            AND todos.completed_at IS NULL
            AND todos.list_id != ALL (
                array(
                    (
                        SELECT lists.id
                        FROM lists
                        WHERE lists.user_id = $1::BIGINT AND lists.archived_at IS NOT NULL
                    )
                )
            )
            AND todos.priority = 3
    ) AS high,
    count(*) FILTER (
        WHERE
            todos.deleted_at IS NULL
            AND todos.completed_at IS NULL
            AND todos.list_id != ALL (
                array(
                    (
                        SELECT lists.id
                        FROM lists
                        WHERE lists.user_id = $1::BIGINT AND lists.archived_at IS NOT NULL
                    )
                )
            )
            AND todos.priority = 4
    ) AS urgent,
    count(*) FILTER (
        WHERE
            todos.deleted_at IS NULL
            AND todos.completed_at IS NULL
            AND todos.list_id != ALL (
                array(
                    (
                        SELECT lists.id
                        FROM lists
                        WHERE lists.user_id = $1::BIGINT AND lists.archived_at IS NOT NULL
                    )
                )
            )
            AND todos.due_at BETWEEN $2::TIMESTAMP WITH TIME ZONE AND $3::TIMESTAMP WITH TIME ZONE
    ) AS due_today,
    count(*) FILTER (
        WHERE
            todos.deleted_at IS NULL
            AND todos.completed_at IS NULL
            AND todos.list_id != ALL (
                array(
                    (
                        SELECT lists.id
                        FROM lists
                        WHERE lists.user_id = $1::BIGINT AND lists.archived_at IS NOT NULL
                    )
                )
            )
            AND todos.due_at < $4::TIMESTAMP WITH TIME ZONE
    ) AS overdue,
    count(*) FILTER (
        WHERE
            todos.deleted_at IS NULL
            AND todos.completed_at BETWEEN $2::TIMESTAMP WITH TIME ZONE AND $3::TIMESTAMP WITH TIME ZONE
    ) AS completed_today,
    count(*) FILTER (WHERE todos.deleted_at IS NULL AND todos.completed_at IS NOT NULL) AS done,
    count(*) FILTER (WHERE todos.deleted_at IS NOT NULL) AS trashed,
    (
        SELECT max(changes.id) AS max_1 FROM changes WHERE changes.user_id = $1::BIGINT
    ) AS last_change_id,
    (
        SELECT coalesce(
            json_agg(
                (
                    SELECT row_to_json(shaped) AS row_to_json_1
                    FROM (
                        SELECT counted.id AS id, counted.name AS name, counted.open AS open
                    ) AS shaped
                )
            ),
            '[]'::json
        ) AS coalesce_1
        FROM (
            SELECT
                lists.id AS id,
                lists.name AS name,
                (
                    SELECT count(*) AS count_1
                    FROM todos
                    WHERE
                        todos.user_id = $1::BIGINT
                        AND todos.list_id = lists.id
                        AND todos.deleted_at IS NULL
                        AND todos.completed_at IS NULL
                ) AS open
            FROM lists
            WHERE
                lists.user_id = $1::BIGINT
                AND lists.deleted_at IS NULL
                AND lists.archived_at IS NULL
            ORDER BY lists.position, lists.id
        ) AS counted
    ) AS lists,
    (
        SELECT coalesce(
            json_agg(
                (
                    SELECT row_to_json(shaped) AS row_to_json_2
                    FROM (
                        SELECT counted.id AS id, counted.name AS name, counted.open AS open
                    ) AS shaped
                )
            ),
            '[]'::json
        ) AS coalesce_2
        FROM (
            SELECT
                tags.id AS id,
                tags.name AS name,
                (
                    SELECT count(*) AS count_2
                    FROM todo_tags
                    WHERE
                        todo_tags.user_id = $1::BIGINT
                        AND todo_tags.tag_id = tags.id
                        AND (
                            SELECT todos.deleted_at IS NULL AND todos.completed_at IS NULL AS met
                            FROM todos
                            WHERE todos.user_id = $1::BIGINT AND todos.id = todo_tags.todo_id
                        )
                ) AS open
            FROM tags
            WHERE tags.user_id = $1::BIGINT AND tags.deleted_at IS NULL
            ORDER BY open DESC, tags.name_key
            LIMIT 50
        ) AS counted
    ) AS tags
FROM todos
WHERE todos.user_id = $1::BIGINT
