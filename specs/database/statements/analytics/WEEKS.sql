-- Count what was added and completed in two weeks, by day, and of the second week by list, tag and priority.
--
-- `bounds`: the 15 moments at which the 14 days begin and the last one ends. `since`, `until`: the first and the last of
-- them. `moment`, `moment_before`: when to count what is overdue now, and what was a week before. `now`: what has not
-- started by then counts for neither.
-- `counted`: how many todos and events were looked at; `newest` and `trashed`: as in `standing.STANDING`; `next_due`: when
-- the next todo is overdue, if `moment` is now.
-- Each event is read by its own index: `ix_todos_live_created`, `ix_todos_trashed`, `ix_todos_completed`.
--
-- Parameters:
--   $1 bounds timestamp with time zone[]
--   $2 user_id bigint
--   $3 since timestamp with time zone
--   $4 until timestamp with time zone
--   $5 moment timestamp with time zone
--   $6 now timestamp with time zone
--   $7 moment_before timestamp with time zone
--
-- Columns:
--   days json
--   lists json
--   tags json
--   priorities json
--   overdue bigint
--   overdue_before bigint
--   counted bigint
--   next_due timestamp with time zone
--   trashed bigint
--   newest text

WITH RECURSIVE
    event AS (
        SELECT
            todos.id AS id,
            todos.list_id AS list_id,
            todos.priority AS priority,
            width_bucket(todos.created_at, $1::TIMESTAMP WITH TIME ZONE[]) AS day,
            1 AS added,
            0 AS completed
        FROM todos
        WHERE
            todos.user_id = $2::BIGINT
            AND todos.created_at >= $3::TIMESTAMP WITH TIME ZONE
            AND todos.created_at < $4::TIMESTAMP WITH TIME ZONE
            AND todos.deleted_at IS NULL
        UNION ALL
        SELECT
            todos.id AS id,
            todos.list_id AS list_id,
            todos.priority AS priority,
            width_bucket(todos.created_at, $1::TIMESTAMP WITH TIME ZONE[]) AS day,
            1 AS added,
            0 AS completed
        FROM todos
        WHERE
            todos.user_id = $2::BIGINT
            AND todos.created_at >= $3::TIMESTAMP WITH TIME ZONE
            AND todos.created_at < $4::TIMESTAMP WITH TIME ZONE
            AND todos.deleted_at IS NOT NULL
            AND todos.completed_at IS NOT NULL
        UNION ALL
        SELECT
            todos.id AS id,
            todos.list_id AS list_id,
            todos.priority AS priority,
            width_bucket(todos.completed_at, $1::TIMESTAMP WITH TIME ZONE[]) AS day,
            0 AS added,
            1 AS completed
        FROM todos
        WHERE
            todos.user_id = $2::BIGINT
            AND todos.completed_at >= $3::TIMESTAMP WITH TIME ZONE
            AND todos.completed_at < $4::TIMESTAMP WITH TIME ZONE
            AND todos.completed_at IS NOT NULL
    ),
    later(ids, depth) AS (
        SELECT
            array(
                (
                    SELECT todos.id
                    FROM todos
                    WHERE
                        todos.user_id = $2::BIGINT
                        AND todos.deleted_at IS NULL
                        AND todos.completed_at IS NULL
                        AND todos.start > (
                            SELECT CAST(
                                timezone(users.time_zone, $6::TIMESTAMP WITH TIME ZONE) AS DATE
                            ) AS timezone_1
                            FROM users
                            WHERE users.id = $2::BIGINT
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
                        below.user_id = $2::BIGINT
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
    (
        SELECT coalesce(json_agg(row_to_json(found)), '[]'::json) AS coalesce_1
        FROM (
            SELECT event.day AS day, sum(event.added) AS added, sum(event.completed) AS completed
            FROM event
            GROUP BY event.day
        ) AS found
    ) AS days,
    (
        SELECT coalesce(json_agg(row_to_json(found)), '[]'::json) AS coalesce_2
        FROM (
            SELECT
                lists.id AS id,
                lists.name AS name,
                sum(event.added) AS added,
                sum(event.completed) AS completed
            FROM event
            JOIN lists ON lists.id = event.list_id
            WHERE lists.user_id = $2::BIGINT AND event.day > 7
            GROUP BY lists.id, lists.name
            ORDER BY count(*) DESC, lists.id
        ) AS found
    ) AS lists,
    (
        SELECT coalesce(json_agg(row_to_json(found)), '[]'::json) AS coalesce_3
        FROM (
            SELECT tags.name AS name, sum(event.added) AS added, sum(event.completed) AS completed
            FROM event
            JOIN todo_tags ON todo_tags.todo_id = event.id
            JOIN tags ON tags.id = todo_tags.tag_id
            WHERE
                todo_tags.user_id = $2::BIGINT
                AND tags.user_id = $2::BIGINT
                AND tags.deleted_at IS NULL
                AND event.day > 7
            GROUP BY tags.id, tags.name
            ORDER BY count(*) DESC, tags.id
        ) AS found
    ) AS tags,
    (
        SELECT coalesce(json_agg(row_to_json(found)), '[]'::json) AS coalesce_4
        FROM (
            SELECT
                event.priority AS priority,
                sum(event.added) AS added,
                sum(event.completed) AS completed
            FROM event
            WHERE event.day > 7
            GROUP BY event.priority
        ) AS found
    ) AS priorities,
    still_open.overdue + done_since.overdue AS overdue,
    still_open.overdue_before + done_since.overdue_before AS overdue_before,
    still_open.counted + done_since.counted + (SELECT count(*) AS count_1 FROM event) AS counted,
    CASE
        WHEN ($5::TIMESTAMP WITH TIME ZONE >= $6::TIMESTAMP WITH TIME ZONE)
        THEN (
            SELECT todos.due_at
            FROM todos
            WHERE
                todos.user_id = $2::BIGINT
                AND todos.deleted_at IS NULL
                AND todos.completed_at IS NULL
                AND $6::TIMESTAMP WITH TIME ZONE <= CASE
                    WHEN (todos.due_at IS NULL) THEN 'infinity'::timestamptz ELSE todos.due_at
                END
            ORDER BY CASE
                WHEN (todos.due_at IS NULL) THEN 'infinity'::timestamptz ELSE todos.due_at
            END
            LIMIT 1
        )
    END AS next_due,
    (
        SELECT count(*) AS count_2
        FROM todos
        WHERE todos.user_id = $2::BIGINT AND todos.deleted_at IS NOT NULL
    ) AS trashed,
    coalesce(
        (
            SELECT concat(changes.id, '@', EXTRACT(epoch FROM changes.at)) AS newest
            FROM changes
            WHERE changes.user_id = $2::BIGINT
            ORDER BY changes.id DESC
            LIMIT 1
        ),
        (
            SELECT concat(users.changes_deleted_through, '@') AS newest
            FROM users
            WHERE users.id = $2::BIGINT
        )
    ) AS newest
FROM (
    SELECT
        count(*) FILTER (
            WHERE
                todos.due_at < $5::TIMESTAMP WITH TIME ZONE
                AND todos.created_at < $5::TIMESTAMP WITH TIME ZONE
                AND (
                    todos.completed_at IS NULL OR todos.completed_at >= $5::TIMESTAMP WITH TIME ZONE
                )
        ) AS overdue,
        count(*) FILTER (
            WHERE
                todos.due_at < $7::TIMESTAMP WITH TIME ZONE
                AND todos.created_at < $7::TIMESTAMP WITH TIME ZONE
                AND (
                    todos.completed_at IS NULL OR todos.completed_at >= $7::TIMESTAMP WITH TIME ZONE
                )
        ) AS overdue_before,
        count(*) AS counted
    FROM todos
    WHERE
        todos.user_id = $2::BIGINT
        AND todos.deleted_at IS NULL
        AND todos.completed_at IS NULL
        AND todos.list_id != ALL (
            array(
                (
                    SELECT lists.id
                    FROM lists
                    WHERE lists.user_id = $2::BIGINT AND lists.archived_at IS NOT NULL
                )
            )
        )
        AND (todos.id NOT IN (SELECT unnest(later.ids) AS unnest_1 FROM later))
        AND $5::TIMESTAMP WITH TIME ZONE > CASE
            WHEN (todos.due_at IS NULL) THEN 'infinity'::timestamptz ELSE todos.due_at
        END
) AS still_open
JOIN (
    SELECT
        count(*) FILTER (
            WHERE
                todos.due_at < $5::TIMESTAMP WITH TIME ZONE
                AND todos.created_at < $5::TIMESTAMP WITH TIME ZONE
                AND (
                    todos.completed_at IS NULL OR todos.completed_at >= $5::TIMESTAMP WITH TIME ZONE
                )
        ) AS overdue,
        count(*) FILTER (
            WHERE
                todos.due_at < $7::TIMESTAMP WITH TIME ZONE
                AND todos.created_at < $7::TIMESTAMP WITH TIME ZONE
                AND (
                    todos.completed_at IS NULL OR todos.completed_at >= $7::TIMESTAMP WITH TIME ZONE
                )
        ) AS overdue_before,
        count(*) AS counted
    FROM todos
    WHERE
        todos.user_id = $2::BIGINT
        AND todos.completed_at IS NOT NULL
        AND todos.completed_at >= $7::TIMESTAMP WITH TIME ZONE
        AND todos.list_id != ALL (
            array(
                (
                    SELECT lists.id
                    FROM lists
                    WHERE lists.user_id = $2::BIGINT AND lists.archived_at IS NOT NULL
                )
            )
        )
) AS done_since
    ON true
