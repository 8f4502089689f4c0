-- Count days in a row, until `today` or yesterday and the most ever: of `logins` and of `completions`.
--
-- `time_zone`: where a todo's completion becomes a day. Reads `ix_todos_completed`. A row for each `kind` that ever was.
--
-- Parameters:
--   $1 today date
--   $2 user_id bigint
--   $3 time_zone character varying
--
-- Columns:
--   kind text
--   current bigint
--   longest bigint
--   last_day date

WITH days AS (
    SELECT 'logins' AS kind, $1::DATE AS day
    UNION ALL
    SELECT 'logins' AS kind, activity_days.day AS day
    FROM activity_days
    WHERE activity_days.user_id = $2::BIGINT AND activity_days.day != $1::DATE
    UNION ALL
    SELECT DISTINCT
        'completions' AS kind,
        CAST(timezone($3::VARCHAR, todos.completed_at) AS DATE) AS day
    FROM todos
    WHERE todos.user_id = $2::BIGINT AND todos.completed_at IS NOT NULL
)
SELECT
    islands.kind,
    coalesce(max(islands.length) FILTER (WHERE islands.last_day >= $1::DATE - 1), 0) AS current,
    max(islands.length) AS longest,
    max(islands.last_day) AS last_day
FROM (
    SELECT ranked.kind AS kind, count(*) AS length, max(ranked.day) AS last_day
    FROM (
        SELECT
            days.kind AS kind,
            days.day AS day,
            days.day - CAST(
                row_number() OVER (PARTITION BY days.kind ORDER BY days.day) AS INTEGER
            ) AS island
        FROM days
    ) AS ranked
    GROUP BY ranked.kind, ranked.island
) AS islands
GROUP BY islands.kind
