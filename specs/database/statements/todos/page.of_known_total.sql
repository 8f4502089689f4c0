-- Make the statement that reads a page of todos and the total, once for each shape of request.
--
-- Args:
--     status: One of `Status`.
--     conditions: Names of `CONDITIONS` and `STARTS`; `text` for a search; `shows_notes` for rows with their newest
--         notes; `knows_total` where the total may be known.
--     sort: What to order by; `match` only with `text`.
--     descending: In which direction.
--     after: Whether the page begins after the last row of another one.
--
-- Parameters of the statement: `limit`, rows of the page; `offset`, rows to leave out before; `after_key` and
-- `after_id`, the `key` and the `id` of the row before the page; `text`, the words of a search; `now`, for what is
-- overdue, or has started; `tags`, `name_key`s; `priority`, numbers; `list_id`, `parent_id`, `ids`, `key`; and
-- moments, from `due_after`, `created_after`, `updated_after`, `completed_after` until before `due_before`,
-- `created_before`, `updated_before`, `completed_before`; `tomorrow`, the moment before which is due what is pressing.
--
-- Where the total may be known, `known_change` and `known_total`: if the first is the user's newest change, the second
-- is the total, and nothing is counted. In a search by `match` also `known_ids` and `known_ranks`, the best matches
-- from the first of the page on, and one more than it has rows, if there is one: they are not looked for then. Null
-- where they are not known.
--
-- Its row: `rows`, a JSON array of `TodoRead`, or `TodoDetail`; `total`, of every page; `more`, whether there is a
-- next page; `key` and `id` of the last row, for the cursor; `time_zone`, `week_start` and `locale`, the user's; and,
-- where the total may be known, `newest_change`, the user's newest change (`standing.NEWEST`), and `best_ids` and
-- `best_ranks`, the 500 best matches, if they were looked for.
--
-- Parameters:
--   $1 limit integer
--   $2 known_change character varying
--   $3 user_id bigint
--   $4 known_total bigint
--   $5 offset integer
--
-- Columns:
--   rows json
--   total bigint
--   newest_change text
--   more boolean
--   key text
--   id bigint
--   time_zone text
--   week_start text
--   locale text

WITH
    standing AS MATERIALIZED (
        SELECT coalesce(
            (
                SELECT concat(changes.id, '@', EXTRACT(epoch FROM changes.at)) AS newest
                FROM changes
                WHERE changes.user_id = $3::BIGINT
                ORDER BY changes.id DESC
                LIMIT 1
            ),
            (
                SELECT concat(users.changes_deleted_through, '@') AS newest
                FROM users
                WHERE users.id = $3::BIGINT
            )
        ) AS newest_change
    ),
    here AS MATERIALIZED (
        SELECT users.time_zone AS time_zone, users.week_start AS week_start, users.locale AS locale
        FROM users
        WHERE users.id = $3::BIGINT
    )
SELECT
    coalesce(array_to_json((array_agg(page.row))[1:$1::INTEGER]), '[]'::json) AS rows,
    CASE
        WHEN ($2::VARCHAR = (SELECT standing.newest_change FROM standing)) THEN $4::BIGINT
        ELSE (
            SELECT count(*) AS count_1
            FROM todos
            WHERE
                todos.user_id = $3::BIGINT
                AND (todos.deleted_at IS NULL AND todos.completed_at IS NULL)
        )
    END AS total,
    (SELECT standing.newest_change FROM standing) AS newest_change,
    count(*) > $1::INTEGER AS more,
    CAST((array_agg(page.key))[$1::INTEGER] AS TEXT) AS key,
    (array_agg(page.id))[$1::INTEGER] AS id,
    (SELECT here.time_zone FROM here) AS time_zone,
    (SELECT here.week_start FROM here) AS week_start,
    (SELECT here.locale FROM here) AS locale
FROM (
    SELECT
        todos.id AS id,
        todos.created_at AS key,
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
                                    tags.user_id = $3::BIGINT
                                    AND tags.id IN (
                                        SELECT todo_tags.tag_id
                                        FROM todo_tags
                                        WHERE
                                            todo_tags.user_id = $3::BIGINT
                                            AND todo_tags.todo_id = todos.id
                                    )
                                    AND tags.deleted_at IS NULL
                                ORDER BY tags.name_key
                            )
                        )
                    ) AS tags,
                    todos.start AS start,
                    CASE
                        WHEN (todos.due_at IS NOT NULL)
                        THEN (
                            SELECT row_to_json(shaped) AS row_to_json_2
                            FROM (
                                SELECT
                                    CAST(
                                        coalesce(
                                            CAST(todos.due_date AS TIMESTAMP WITHOUT TIME ZONE),
                                            timezone(here.time_zone, todos.due_at)
                                        ) AS DATE
                                    ) AS date,
                                    CASE
                                        WHEN (todos.due_date IS NULL)
                                        THEN to_char(
                                            timezone(here.time_zone, todos.due_at), 'HH24:MI'
                                        )
                                        WHEN (CAST(todos.due_time AS TEXT) LIKE '__:__:00')
                                        THEN left(CAST(todos.due_time AS TEXT), 5)
                                        ELSE CAST(todos.due_time AS TEXT)
                                    END AS time,
                                    to_char(
                                        coalesce(
                                            CAST(todos.due_date AS TIMESTAMP WITHOUT TIME ZONE),
                                            timezone(here.time_zone, todos.due_at)
                                        ),
                                        'FMDay'
                                    ) AS weekday,
                                    here.time_zone AS time_zone,
                                    (to_json(timezone('UTC', todos.due_at)) #>> '{}') || 'Z' AS at,
                                    CASE
                                        WHEN (todos.due_date IS NULL) THEN 'moment'
                                        WHEN (CAST(todos.due_time AS TEXT) IS NULL) THEN 'day'
                                        ELSE 'time'
                                    END AS kind
                            ) AS shaped
                        )
                    END AS due,
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
                    todos.version AS version
                FROM (
                    SELECT
                        count(*) FILTER (
                            WHERE child.deleted_at IS NULL AND child.completed_at IS NULL
                        ) AS open,
                        count(*) FILTER (WHERE child.deleted_at IS NULL) AS live
                    FROM todos AS child
                    WHERE child.user_id = $3::BIGINT AND child.parent_id = todos.id
                ) AS subtasks
            ) AS shaped
        ) AS row
    FROM todos
    JOIN here ON true
    WHERE todos.user_id = $3::BIGINT AND (todos.deleted_at IS NULL AND todos.completed_at IS NULL)
    ORDER BY todos.created_at DESC, todos.id DESC
    LIMIT $1::INTEGER + 1
    OFFSET $5::INTEGER
) AS page
