-- Count the user's todos by what they are, and read live lists and the 50 tags with the most open todos.
--
-- What has not started counts for `not_started` alone. `start`, `end`: today where the user is, both included. `now`:
-- overdue is what was due before; it says what has started. `lists` and `tags` are JSON arrays of `Counted`;
-- `all_tags` and `archived_lists` count what may not be among them; `last_change_id` is the `since` of the next changes.
-- `counted`: how many todos there are; `newest`: as in `standing.STANDING`; `next_due`: when the next todo is overdue.
--
-- Parameters:
--   $1 start timestamp with time zone
--   $2 end timestamp with time zone
--   $3 now timestamp with time zone
--   $4 user_id bigint
--
-- Columns:
--   open bigint
--   not_started bigint
--   low bigint
--   medium bigint
--   high bigint
--   urgent bigint
--   due_today bigint
--   overdue bigint
--   completed_today bigint
--   done bigint
--   trashed bigint
--   counted bigint
--   next_due timestamp with time zone
--   newest text
--   last_change_id bigint
--   lists json
--   tags json
--   all_tags bigint
--   archived_lists bigint

WITH RECURSIVE later(ids, depth) AS (
    SELECT
        array(
            (
                SELECT todos.id
                FROM todos
                WHERE
                    todos.user_id = $4::BIGINT
                    AND todos.deleted_at IS NULL
                    AND todos.completed_at IS NULL
                    AND todos.start > (
                        SELECT CAST(
                            timezone(users.time_zone, $3::TIMESTAMP WITH TIME ZONE) AS DATE
                        ) AS timezone_1
                        FROM users
                        WHERE users.id = $4::BIGINT
                    )
            )
        ) AS ids,
        0 AS depth
    UNION ALL
    SELECT
        array(
            (
                SELECT below.id
                FROM todos AS below
                WHERE
                    below.user_id = $4::BIGINT
                    AND below.deleted_at IS NULL
                    AND below.completed_at IS NULL
                    AND below.parent_id = ANY (later.ids)
            )
        ) AS array_1,
        later.depth + 1 AS anon_1
    FROM later
    WHERE NOT (cardinality(later.ids) = 0 OR later.depth = 5)
)
SELECT
    count(*) FILTER (WHERE todo.has_started) AS open,
    count(*) FILTER (WHERE NOT todo.has_started) AS not_started,
    count(*) FILTER (WHERE todo.has_started AND todo.priority = 1) AS low,
    count(*) FILTER (WHERE todo.has_started AND todo.priority = 2) AS medium,
    count(*) FILTER (WHERE todo.has_started AND todo.priority = 3) AS high,
    count(*) FILTER (WHERE todo.has_started AND todo.priority = 4) AS urgent,
    count(*) FILTER (
        WHERE
            todo.has_started
            AND todo.due_at BETWEEN $1::TIMESTAMP WITH TIME ZONE AND $2::TIMESTAMP WITH TIME ZONE
    ) AS due_today,
    count(*) FILTER (
        WHERE todo.has_started AND todo.due_at < $3::TIMESTAMP WITH TIME ZONE
    ) AS overdue,
    count(*) FILTER (
        WHERE
            todo.deleted_at IS NULL
            AND todo.completed_at BETWEEN $1::TIMESTAMP WITH TIME ZONE AND $2::TIMESTAMP WITH TIME ZONE
    ) AS completed_today,
    count(*) FILTER (WHERE todo.deleted_at IS NULL AND todo.completed_at IS NOT NULL) AS done,
    count(*) FILTER (WHERE todo.deleted_at IS NOT NULL) AS trashed,
    count(*) AS counted,
    (
        SELECT todos.due_at
        FROM todos
        WHERE
            todos.user_id = $4::BIGINT
            AND todos.deleted_at IS NULL
            AND todos.completed_at IS NULL
            AND $3::TIMESTAMP WITH TIME ZONE <= CASE
                WHEN (todos.due_at IS NULL) THEN 'infinity'::timestamptz ELSE todos.due_at
            END
        ORDER BY CASE WHEN (todos.due_at IS NULL) THEN 'infinity'::timestamptz ELSE todos.due_at END
        LIMIT 1
    ) AS next_due,
    coalesce(
        (
            SELECT concat(changes.id, '@', EXTRACT(epoch FROM changes.at)) AS newest
            FROM changes
            WHERE changes.user_id = $4::BIGINT
            ORDER BY changes.id DESC
            LIMIT 1
        ),
        (
            SELECT concat(users.changes_deleted_through, '@') AS newest
            FROM users
            WHERE users.id = $4::BIGINT
        )
    ) AS newest,
    (
        SELECT max(changes.id) AS max_1 FROM changes WHERE changes.user_id = $4::BIGINT
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
                        todos.user_id = $4::BIGINT
                        AND todos.list_id = lists.id
                        AND todos.deleted_at IS NULL
                        AND todos.completed_at IS NULL
                        AND (todos.id NOT IN (SELECT unnest(later.ids) AS unnest_1 FROM later))
                ) AS open
            FROM lists
            WHERE
                lists.user_id = $4::BIGINT
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
                        todo_tags.user_id = $4::BIGINT
                        AND todo_tags.tag_id = tags.id
                        AND (
                            todo_tags.todo_id IN (
                                SELECT unnest(
                                    array(
                                        (
                                            SELECT todos.id
                                            FROM todos
                                            WHERE
                                                todos.user_id = $4::BIGINT
                                                AND todos.deleted_at IS NULL
                                                AND todos.completed_at IS NULL
                                                AND (
                                                    todos.id NOT IN (
                                                        SELECT unnest(later.ids) AS unnest_1
                                                        FROM later
                                                    )
                                                )
                                        )
                                    )
                                ) AS unnest_2
                            )
                        ) IS true
                ) AS open
            FROM tags
            WHERE tags.user_id = $4::BIGINT AND tags.deleted_at IS NULL
            ORDER BY open DESC, tags.name_key
            LIMIT 50
        ) AS counted
    ) AS tags,
    (
        SELECT count(*) AS count_3
        FROM tags
        WHERE tags.user_id = $4::BIGINT AND tags.deleted_at IS NULL
    ) AS all_tags,
    (
        SELECT count(*) AS count_4
        FROM lists
        WHERE
            lists.user_id = $4::BIGINT
            AND lists.deleted_at IS NULL
            AND lists.archived_at IS NOT NULL
    ) AS archived_lists
FROM (
    SELECT
        todos.priority AS priority,
        todos.due_at AS due_at,
        todos.completed_at AS completed_at,
        todos.deleted_at AS deleted_at,
        CASE
            WHEN (
                todos.deleted_at IS NULL
                AND todos.completed_at IS NULL
                AND todos.list_id != ALL (
                    array(
                        (
                            SELECT lists.id
                            FROM lists
                            WHERE lists.user_id = $4::BIGINT AND lists.archived_at IS NOT NULL
                        )
                    )
                )
            )
            THEN (todos.id NOT IN (SELECT unnest(later.ids) AS unnest_1 FROM later))
        END AS has_started
    FROM todos
    WHERE todos.user_id = $4::BIGINT
    LIMIT ALL
    OFFSET 0
) AS todo
