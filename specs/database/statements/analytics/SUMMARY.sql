-- Count open todos, those due today or overdue, and those completed lately; average how long these took.
--
-- `now`: overdue is what was due before; it says what has started. `today_begins`, `today_ends`: today, the end excluded.
-- `days_7`, `days_30`: when the last seven and thirty days begin. Reads `ix_todos_open_list`, `ix_todos_open_due`
-- and `ix_todos_completed`.
--
-- Parameters:
--   $1 user_id bigint
--   $2 now timestamp with time zone
--   $3 today_begins timestamp with time zone
--   $4 today_ends timestamp with time zone
--   $5 days_7 timestamp with time zone
--   $6 days_30 timestamp with time zone
--
-- Columns:
--   open bigint
--   due_today bigint
--   overdue bigint
--   completed_7_days bigint
--   completed_30_days bigint
--   average_seconds_to_complete bigint

WITH RECURSIVE later(ids, depth) AS (
    SELECT
        array(
            (
                SELECT todos.id
                FROM todos
                WHERE
                    todos.user_id = $1::BIGINT
                    AND todos.deleted_at IS NULL
                    AND todos.completed_at IS NULL
                    AND todos.start > (
                        SELECT CAST(
                            timezone(users.time_zone, $2::TIMESTAMP WITH TIME ZONE) AS DATE
                        ) AS timezone_1
                        FROM users
                        WHERE users.id = $1::BIGINT
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
                    below.user_id = $1::BIGINT
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
    open.open,
    due.due_today,
    due.overdue,
    done.completed_7_days,
    done.completed_30_days,
    done.average_seconds_to_complete
FROM (
    SELECT count(*) AS open
    FROM todos
    WHERE
        todos.user_id = $1::BIGINT
        AND todos.deleted_at IS NULL
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
        AND (todos.id NOT IN (SELECT unnest(later.ids) AS unnest_1 FROM later))
) AS open
JOIN (
    SELECT
        count(*) FILTER (WHERE todos.due_at >= $3::TIMESTAMP WITH TIME ZONE) AS due_today,
        count(*) FILTER (WHERE todos.due_at < $2::TIMESTAMP WITH TIME ZONE) AS overdue
    FROM todos
    WHERE
        todos.user_id = $1::BIGINT
        AND todos.deleted_at IS NULL
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
        AND (todos.id NOT IN (SELECT unnest(later.ids) AS unnest_1 FROM later))
        AND $4::TIMESTAMP WITH TIME ZONE > CASE
            WHEN (todos.due_at IS NULL) THEN 'infinity'::timestamptz ELSE todos.due_at
        END
) AS due
    ON true
JOIN (
    SELECT
        count(*) FILTER (
            WHERE todos.completed_at >= $5::TIMESTAMP WITH TIME ZONE
        ) AS completed_7_days,
        count(*) AS completed_30_days,
        CAST(
            round(
                avg(greatest(EXTRACT(epoch FROM todos.completed_at - todos.created_at), 0))
            ) AS BIGINT
        ) AS average_seconds_to_complete
    FROM todos
    WHERE
        todos.user_id = $1::BIGINT
        AND todos.completed_at IS NOT NULL
        AND todos.completed_at >= $6::TIMESTAMP WITH TIME ZONE
) AS done
    ON true
