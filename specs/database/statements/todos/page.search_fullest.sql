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
--   $3 text character varying
--   $4 now timestamp with time zone
--   $5 after_key character varying
--   $6 after_id bigint
--   $7 offset integer
--   $8 completed_after timestamp with time zone
--   $9 completed_before timestamp with time zone
--   $10 created_after timestamp with time zone
--   $11 created_before timestamp with time zone
--   $12 due_after timestamp with time zone
--   $13 due_before timestamp with time zone
--   $14 ids bigint[]
--   $15 key character varying
--   $16 list_id bigint
--   $17 parent_id bigint
--   $18 priority smallint[]
--   $19 tags text[]
--   $20 updated_after timestamp with time zone
--   $21 updated_before timestamp with time zone
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
    found AS MATERIALIZED (
        SELECT matches.id AS id, matches.rank AS rank
        FROM todos_with_words(
            $3::VARCHAR,
            (
                SELECT language_of(users.locale) AS language_of_1
                FROM users
                WHERE users.id = $2::BIGINT
            )
        ) AS matches(id, rank)
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
                                timezone(users.time_zone, $4::TIMESTAMP WITH TIME ZONE) AS DATE
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
    hit AS MATERIALIZED (
        SELECT todos.id AS id
        FROM (
            SELECT
                todos.id AS id,
                todos.user_id AS user_id,
                todos.title AS title,
                todos.description AS description,
                todos.priority AS priority,
                todos.completed_at AS completed_at,
                todos.deleted_at AS deleted_at,
                todos.created_at AS created_at,
                todos.updated_at AS updated_at,
                todos.version AS version,
                todos.list_id AS list_id,
                todos.parent_id AS parent_id,
                todos.start AS start,
                todos.due_date AS due_date,
                todos.due_time AS due_time,
                todos.due_at AS due_at,
                todos.repeat AS repeat,
                todos.follows_id AS follows_id,
                todos.language AS language,
                todos.words AS words,
                todos.title_key AS title_key,
                todos.alike_key AS alike_key,
                todos.same_key AS same_key,
                todos.place AS place,
                todos.chosen_place AS chosen_place,
                todos.key AS key,
                todos.source AS source,
                todos.note_count AS note_count
            FROM todos
            WHERE
                todos.user_id = $2::BIGINT
                AND todos.id = ANY (array((SELECT found.id FROM found)))
            LIMIT ALL
            OFFSET 0
        ) AS todos
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
            AND (todos.completed_at >= $8::TIMESTAMP WITH TIME ZONE)
            AND (todos.completed_at < $9::TIMESTAMP WITH TIME ZONE)
            AND (todos.created_at >= $10::TIMESTAMP WITH TIME ZONE)
            AND (todos.created_at < $11::TIMESTAMP WITH TIME ZONE)
            AND (
                $12::TIMESTAMP WITH TIME ZONE <= CASE
                    WHEN (todos.due_at IS NULL) THEN 'infinity'::timestamptz ELSE todos.due_at
                END
                AND todos.due_at IS NOT NULL
            )
            AND (
                $13::TIMESTAMP WITH TIME ZONE > CASE
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
            AND (todos.id = ANY ($14::BIGINT[]))
            AND (todos.key = $15::VARCHAR)
            AND (todos.list_id = $16::BIGINT)
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
                $4::TIMESTAMP WITH TIME ZONE > CASE
                    WHEN (todos.due_at IS NULL) THEN 'infinity'::timestamptz ELSE todos.due_at
                END
                AND todos.completed_at IS NULL
            )
            AND (todos.parent_id = $17::BIGINT)
            AND (todos.priority = ANY ($18::SMALLINT[]))
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
                                AND tags.name_key = ANY ($19::TEXT[])
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
                                        AND tags.name_key = ANY ($19::TEXT[])
                                        AND tags.deleted_at IS NULL
                                )
                            GROUP BY todo_tags.todo_id
                            HAVING count(*) = cardinality($19::TEXT[])
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
                                AND tags.name_key = ANY ($19::TEXT[])
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
            AND (todos.updated_at >= $20::TIMESTAMP WITH TIME ZONE)
            AND (todos.updated_at < $21::TIMESTAMP WITH TIME ZONE)
            AND todos.id = ANY (array((SELECT unnest(later.ids) AS unnest_1 FROM later)))
            AND (todos.id NOT IN (SELECT unnest(later.ids) AS unnest_1 FROM later))
    ),
    here AS MATERIALIZED (
        SELECT users.time_zone AS time_zone, users.week_start AS week_start, users.locale AS locale
        FROM users
        WHERE users.id = $2::BIGINT
    )
SELECT
    coalesce(array_to_json((array_agg(page.row))[1:$1::INTEGER]), '[]'::json) AS rows,
    (SELECT count(*) AS count_1 FROM hit) AS total,
    count(*) > $1::INTEGER AS more,
    CAST((array_agg(page.key))[$1::INTEGER] AS TEXT) AS key,
    (array_agg(page.id))[$1::INTEGER] AS id,
    (SELECT here.time_zone FROM here) AS time_zone,
    (SELECT here.week_start FROM here) AS week_start,
    (SELECT here.locale FROM here) AS locale
FROM (
    SELECT
        chosen.id AS id,
        chosen.key AS key,
        (
            SELECT (
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
                                        (
                                            to_json(timezone('UTC', todos.due_at)) #>> '{}'
                                        ) || 'Z' AS at,
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
                        (
                            to_json(timezone('UTC', todos.completed_at)) #>> '{}'
                        ) || 'Z' AS completed_at,
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
                        WHERE child.user_id = $2::BIGINT AND child.parent_id = todos.id
                    ) AS subtasks
                ) AS shaped
            ) AS row
            FROM todos
            WHERE todos.user_id = $2::BIGINT AND todos.id = chosen.id
        ) AS row
    FROM (
        SELECT found.id AS id, found.rank AS key
        FROM found
        WHERE
            (found.id IN (SELECT hit.id FROM hit)) IS true
            AND (found.rank, found.id) < (CAST($5::VARCHAR AS REAL), $6::BIGINT)
        ORDER BY found.rank DESC, found.id DESC
        LIMIT $1::INTEGER + 1
        OFFSET $7::INTEGER
    ) AS chosen
    JOIN here ON true
    ORDER BY chosen.key DESC, chosen.id DESC
) AS page
