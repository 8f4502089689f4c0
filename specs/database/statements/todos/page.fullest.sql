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
--   $2 user_id bigint
--   $3 now timestamp with time zone
--   $4 after_key character varying
--   $5 after_id bigint
--   $6 offset integer
--   $7 completed_after timestamp with time zone
--   $8 completed_before timestamp with time zone
--   $9 created_after timestamp with time zone
--   $10 created_before timestamp with time zone
--   $11 due_after timestamp with time zone
--   $12 due_before timestamp with time zone
--   $13 ids bigint[]
--   $14 key character varying
--   $15 list_id bigint
--   $16 parent_id bigint
--   $17 priority smallint[]
--   $18 tags text[]
--   $19 updated_after timestamp with time zone
--   $20 updated_before timestamp with time zone
--
-- Columns:
--   rows json
--   total bigint
--   more boolean
--   key text
--   id bigint
--   time_zone text
--   week_start text
--   locale text

WITH RECURSIVE
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
                                timezone(users.time_zone, $3::TIMESTAMP WITH TIME ZONE) AS DATE
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
    ),
    here AS MATERIALIZED (
        SELECT users.time_zone AS time_zone, users.week_start AS week_start, users.locale AS locale
        FROM users
        WHERE users.id = $2::BIGINT
    )
SELECT
    coalesce(array_to_json((array_agg(page.row))[1:$1::INTEGER]), '[]'::json) AS rows,
    (
        SELECT count(*) AS count_1
        FROM todos
        WHERE
            todos.user_id = $2::BIGINT
            AND (todos.deleted_at IS NULL AND todos.completed_at IS NULL)
            AND (
                NOT (
                    todos.list_id != ALL (
                        array(
                            (
                                SELECT lists.id
                                FROM lists
                                WHERE lists.user_id = $2::BIGINT AND lists.archived_at IS NOT NULL
                            )
                        )
                    )
                )
            )
            AND (todos.completed_at >= $7::TIMESTAMP WITH TIME ZONE)
            AND (todos.completed_at < $8::TIMESTAMP WITH TIME ZONE)
            AND (todos.created_at >= $9::TIMESTAMP WITH TIME ZONE)
            AND (todos.created_at < $10::TIMESTAMP WITH TIME ZONE)
            AND (
                $11::TIMESTAMP WITH TIME ZONE <= CASE
                    WHEN (todos.due_at IS NULL) THEN 'infinity'::timestamptz ELSE todos.due_at
                END
                AND todos.due_at IS NOT NULL
            )
            AND (
                $12::TIMESTAMP WITH TIME ZONE > CASE
                    WHEN (todos.due_at IS NULL) THEN 'infinity'::timestamptz ELSE todos.due_at
                END
            )
            AND (todos.due_at IS NOT NULL)
            AND (
                todos.list_id != (
                    SELECT lists.id FROM lists WHERE lists.user_id = $2::BIGINT AND lists.is_inbox
                )
            )
            AND (
                coalesce(
                    (
                        SELECT bool_or(child.deleted_at IS NULL) AS bool_or_1
                        FROM todos AS child
                        WHERE child.user_id = $2::BIGINT AND child.parent_id = todos.id
                    ),
                    false
                )
            )
            AND (
                coalesce(
                    (
                        SELECT bool_or(tags.deleted_at IS NULL) AS bool_or_1
                        FROM todo_tags
                        JOIN tags ON tags.user_id = $2::BIGINT AND tags.id = todo_tags.tag_id
                        WHERE todo_tags.user_id = $2::BIGINT AND todo_tags.todo_id = todos.id
                    ),
                    false
                )
            )
            AND (todos.id = ANY ($13::BIGINT[]))
            AND (todos.key = $14::VARCHAR)
            AND (todos.list_id = $15::BIGINT)
            AND (todos.due_at IS NULL)
            AND (
                todos.list_id = (
                    SELECT lists.id FROM lists WHERE lists.user_id = $2::BIGINT AND lists.is_inbox
                )
            )
            AND (
                NOT coalesce(
                    (
                        SELECT bool_or(child.deleted_at IS NULL) AS bool_or_1
                        FROM todos AS child
                        WHERE child.user_id = $2::BIGINT AND child.parent_id = todos.id
                    ),
                    false
                )
            )
            AND (
                NOT coalesce(
                    (
                        SELECT bool_or(tags.deleted_at IS NULL) AS bool_or_1
                        FROM todo_tags
                        JOIN tags ON tags.user_id = $2::BIGINT AND tags.id = todo_tags.tag_id
                        WHERE todo_tags.user_id = $2::BIGINT AND todo_tags.todo_id = todos.id
                    ),
                    false
                )
            )
            AND (todos.repeat IS NULL)
            AND (
                $3::TIMESTAMP WITH TIME ZONE > CASE
                    WHEN (todos.due_at IS NULL) THEN 'infinity'::timestamptz ELSE todos.due_at
                END
                AND todos.completed_at IS NULL
            )
            AND (todos.parent_id = $16::BIGINT)
            AND (todos.priority = ANY ($17::SMALLINT[]))
            AND (todos.repeat IS NOT NULL)
            AND (
                todos.id IN (
                    SELECT todo_tags.todo_id
                    FROM todo_tags
                    WHERE
                        todo_tags.user_id = $2::BIGINT
                        AND todo_tags.tag_id IN (
                            SELECT tags.id
                            FROM tags
                            WHERE
                                tags.user_id = $2::BIGINT
                                AND tags.name_key = ANY ($18::TEXT[])
                                AND tags.deleted_at IS NULL
                        )
                )
                AND (
                    (
                        SELECT jsonb_object_agg(with_all.todo_id, true) AS jsonb_object_agg_1
                        FROM (
                            SELECT todo_tags.todo_id AS todo_id
                            FROM todo_tags
                            WHERE
                                todo_tags.user_id = $2::BIGINT
                                AND todo_tags.tag_id IN (
                                    SELECT tags.id
                                    FROM tags
                                    WHERE
                                        tags.user_id = $2::BIGINT
                                        AND tags.name_key = ANY ($18::TEXT[])
                                        AND tags.deleted_at IS NULL
                                )
                            GROUP BY todo_tags.todo_id
                            HAVING count(*) = cardinality($18::TEXT[])
                        ) AS with_all
                    ) ? CAST(todos.id AS TEXT)
                )
            )
            AND (
                todos.id IN (
                    SELECT todo_tags.todo_id
                    FROM todo_tags
                    WHERE
                        todo_tags.user_id = $2::BIGINT
                        AND todo_tags.tag_id IN (
                            SELECT tags.id
                            FROM tags
                            WHERE
                                tags.user_id = $2::BIGINT
                                AND tags.name_key = ANY ($18::TEXT[])
                                AND tags.deleted_at IS NULL
                        )
                )
            )
            AND (todos.parent_id IS NULL)
            AND (
                todos.list_id != ALL (
                    array(
                        (
                            SELECT lists.id
                            FROM lists
                            WHERE lists.user_id = $2::BIGINT AND lists.archived_at IS NOT NULL
                        )
                    )
                )
            )
            AND (todos.updated_at >= $19::TIMESTAMP WITH TIME ZONE)
            AND (todos.updated_at < $20::TIMESTAMP WITH TIME ZONE)
            AND todos.id = ANY (array((SELECT unnest(later.ids) AS unnest_1 FROM later)))
            AND (todos.id NOT IN (SELECT unnest(later.ids) AS unnest_1 FROM later))
    ) AS total,
    count(*) > $1::INTEGER AS more,
    CAST((array_agg(page.key))[$1::INTEGER] AS TEXT) AS key,
    (array_agg(page.id))[$1::INTEGER] AS id,
    (SELECT here.time_zone FROM here) AS time_zone,
    (SELECT here.week_start FROM here) AS week_start,
    (SELECT here.locale FROM here) AS locale
FROM (
    SELECT
        todos.id AS id,
        CASE WHEN (todos.due_at IS NULL) THEN 'infinity'::timestamptz ELSE todos.due_at END AS key,
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
                                    tags.user_id = $2::BIGINT
                                    AND tags.id IN (
                                        SELECT todo_tags.tag_id
                                        FROM todo_tags
                                        WHERE
                                            todo_tags.user_id = $2::BIGINT
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
                                WHERE notes.user_id = $2::BIGINT AND notes.todo_id = todos.id
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
                    WHERE child.user_id = $2::BIGINT AND child.parent_id = todos.id
                ) AS subtasks
            ) AS shaped
        ) AS row
    FROM todos
    JOIN here ON true
    WHERE
        todos.user_id = $2::BIGINT
        AND (todos.deleted_at IS NULL AND todos.completed_at IS NULL)
        AND (
            NOT (
                todos.list_id != ALL (
                    array(
                        (
                            SELECT lists.id
                            FROM lists
                            WHERE lists.user_id = $2::BIGINT AND lists.archived_at IS NOT NULL
                        )
                    )
                )
            )
        )
        AND (todos.completed_at >= $7::TIMESTAMP WITH TIME ZONE)
        AND (todos.completed_at < $8::TIMESTAMP WITH TIME ZONE)
        AND (todos.created_at >= $9::TIMESTAMP WITH TIME ZONE)
        AND (todos.created_at < $10::TIMESTAMP WITH TIME ZONE)
        AND (
            $11::TIMESTAMP WITH TIME ZONE <= CASE
                WHEN (todos.due_at IS NULL) THEN 'infinity'::timestamptz ELSE todos.due_at
            END
            AND todos.due_at IS NOT NULL
        )
        AND (
            $12::TIMESTAMP WITH TIME ZONE > CASE
                WHEN (todos.due_at IS NULL) THEN 'infinity'::timestamptz ELSE todos.due_at
            END
        )
        AND (todos.due_at IS NOT NULL)
        AND (
            todos.list_id != (
                SELECT lists.id FROM lists WHERE lists.user_id = $2::BIGINT AND lists.is_inbox
            )
        )
        AND (
            coalesce(
                (
                    SELECT bool_or(child.deleted_at IS NULL) AS bool_or_1
                    FROM todos AS child
                    WHERE child.user_id = $2::BIGINT AND child.parent_id = todos.id
                ),
                false
            )
        )
        AND (
            coalesce(
                (
                    SELECT bool_or(tags.deleted_at IS NULL) AS bool_or_1
                    FROM todo_tags
                    JOIN tags ON tags.user_id = $2::BIGINT AND tags.id = todo_tags.tag_id
                    WHERE todo_tags.user_id = $2::BIGINT AND todo_tags.todo_id = todos.id
                ),
                false
            )
        )
        AND (todos.id = ANY ($13::BIGINT[]))
        AND (todos.key = $14::VARCHAR)
        AND (todos.list_id = $15::BIGINT)
        AND (todos.due_at IS NULL)
        AND (
            todos.list_id = (
                SELECT lists.id FROM lists WHERE lists.user_id = $2::BIGINT AND lists.is_inbox
            )
        )
        AND (
            NOT coalesce(
                (
                    SELECT bool_or(child.deleted_at IS NULL) AS bool_or_1
                    FROM todos AS child
                    WHERE child.user_id = $2::BIGINT AND child.parent_id = todos.id
                ),
                false
            )
        )
        AND (
            NOT coalesce(
                (
                    SELECT bool_or(tags.deleted_at IS NULL) AS bool_or_1
                    FROM todo_tags
                    JOIN tags ON tags.user_id = $2::BIGINT AND tags.id = todo_tags.tag_id
                    WHERE todo_tags.user_id = $2::BIGINT AND todo_tags.todo_id = todos.id
                ),
                false
            )
        )
        AND (todos.repeat IS NULL)
        AND (
            $3::TIMESTAMP WITH TIME ZONE > CASE
                WHEN (todos.due_at IS NULL) THEN 'infinity'::timestamptz ELSE todos.due_at
            END
            AND todos.completed_at IS NULL
        )
        AND (todos.parent_id = $16::BIGINT)
        AND (todos.priority = ANY ($17::SMALLINT[]))
        AND (todos.repeat IS NOT NULL)
        AND (
            todos.id IN (
                SELECT todo_tags.todo_id
                FROM todo_tags
                WHERE
                    todo_tags.user_id = $2::BIGINT
                    AND todo_tags.tag_id IN (
                        SELECT tags.id
                        FROM tags
                        WHERE
                            tags.user_id = $2::BIGINT
                            AND tags.name_key = ANY ($18::TEXT[])
                            AND tags.deleted_at IS NULL
                    )
            )
            AND (
                (
                    SELECT jsonb_object_agg(with_all.todo_id, true) AS jsonb_object_agg_1
                    FROM (
                        SELECT todo_tags.todo_id AS todo_id
                        FROM todo_tags
                        WHERE
                            todo_tags.user_id = $2::BIGINT
                            AND todo_tags.tag_id IN (
                                SELECT tags.id
                                FROM tags
                                WHERE
                                    tags.user_id = $2::BIGINT
                                    AND tags.name_key = ANY ($18::TEXT[])
                                    AND tags.deleted_at IS NULL
                            )
                        GROUP BY todo_tags.todo_id
                        HAVING count(*) = cardinality($18::TEXT[])
                    ) AS with_all
                ) ? CAST(todos.id AS TEXT)
            )
        )
        AND (
            todos.id IN (
                SELECT todo_tags.todo_id
                FROM todo_tags
                WHERE
                    todo_tags.user_id = $2::BIGINT
                    AND todo_tags.tag_id IN (
                        SELECT tags.id
                        FROM tags
                        WHERE
                            tags.user_id = $2::BIGINT
                            AND tags.name_key = ANY ($18::TEXT[])
                            AND tags.deleted_at IS NULL
                    )
            )
        )
        AND (todos.parent_id IS NULL)
        AND (
            todos.list_id != ALL (
                array(
                    (
                        SELECT lists.id
                        FROM lists
                        WHERE lists.user_id = $2::BIGINT AND lists.archived_at IS NOT NULL
                    )
                )
            )
        )
        AND (todos.updated_at >= $19::TIMESTAMP WITH TIME ZONE)
        AND (todos.updated_at < $20::TIMESTAMP WITH TIME ZONE)
        AND todos.id = ANY (array((SELECT unnest(later.ids) AS unnest_1 FROM later)))
        AND (todos.id NOT IN (SELECT unnest(later.ids) AS unnest_1 FROM later))
        AND (
            CASE WHEN (todos.due_at IS NULL) THEN 'infinity'::timestamptz ELSE todos.due_at END,
            todos.id
        ) > (CAST($4::VARCHAR AS TIMESTAMP WITH TIME ZONE), $5::BIGINT)
    ORDER BY
        CASE WHEN (todos.due_at IS NULL) THEN 'infinity'::timestamptz ELSE todos.due_at END ASC,
        todos.id ASC
    LIMIT $1::INTEGER + 1
    OFFSET $6::INTEGER
) AS page
