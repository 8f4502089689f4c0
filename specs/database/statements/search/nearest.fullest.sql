-- Make the statement that reads the todos with most words of a question, once for each shape of a filter.
--
-- Words that a language has in most sentences count for nothing where there are others.
--
-- Args:
--     status: One of `Status`.
--     conditions: Names of `queries.todos.CONDITIONS` and `STARTS`.
--
-- Parameters of the statement: `text`, the question; and those of the conditions, as `queries.todos.page` tells them:
-- `now`, `tags`, `priority`, `list_id`, `parent_id`, `ids`, `key`, and moments, from `due_after`, `created_after`,
-- `updated_after`, `completed_after` until before `due_before`, `created_before`, `updated_before`,
-- `completed_before`.
--
-- Its row: `rows`, a JSON array of at most 5 `TodoRead`, of the newest 2,000 todos that meet the conditions: those
-- with the most words first, then the best match; `had`, the numbers of the words that the first has, from 1. Words of
-- a todo are those of the notes on it, too, of the newest 2,000 notes.
--
-- Parameters:
--   $1 user_id bigint
--   $2 now timestamp with time zone
--   $3 text character varying
--   $4 completed_after timestamp with time zone
--   $5 completed_before timestamp with time zone
--   $6 created_after timestamp with time zone
--   $7 created_before timestamp with time zone
--   $8 due_after timestamp with time zone
--   $9 due_before timestamp with time zone
--   $10 ids bigint[]
--   $11 key character varying
--   $12 list_id bigint
--   $13 parent_id bigint
--   $14 priority smallint[]
--   $15 tags text[]
--   $16 updated_after timestamp with time zone
--   $17 updated_before timestamp with time zone
--
-- Columns:
--   rows json
--   had bigint[]

WITH RECURSIVE
    later(ids, depth) AS (
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
    ),
    newest AS MATERIALIZED (
        SELECT todos.id AS id, todos.words AS words
        FROM todos
        WHERE
            todos.user_id = $1::BIGINT
            AND (todos.deleted_at IS NULL AND todos.completed_at IS NULL)
            AND (
                NOT (
                    todos.list_id != ALL (
                        array(
                            (
                                SELECT lists.id
                                FROM lists
                                WHERE lists.user_id = $1::BIGINT AND lists.archived_at IS NOT NULL
                            )
                        )
                    )
                )
            )
            AND (todos.completed_at >= $4::TIMESTAMP WITH TIME ZONE)
            AND (todos.completed_at < $5::TIMESTAMP WITH TIME ZONE)
            AND (todos.created_at >= $6::TIMESTAMP WITH TIME ZONE)
            AND (todos.created_at < $7::TIMESTAMP WITH TIME ZONE)
            AND (
                $8::TIMESTAMP WITH TIME ZONE <= CASE
                    WHEN (todos.due_at IS NULL) THEN 'infinity'::timestamptz ELSE todos.due_at
                END
                AND todos.due_at IS NOT NULL
            )
            AND (
                $9::TIMESTAMP WITH TIME ZONE > CASE
                    WHEN (todos.due_at IS NULL) THEN 'infinity'::timestamptz ELSE todos.due_at
                END
            )
            AND (todos.due_at IS NOT NULL)
            AND (
                todos.list_id != (
                    SELECT lists.id FROM lists WHERE lists.user_id = $1::BIGINT AND lists.is_inbox
                )
            )
            AND (
                coalesce(
                    (
                        SELECT bool_or(child.deleted_at IS NULL) AS bool_or_1
                        FROM todos AS child
                        WHERE child.user_id = $1::BIGINT AND child.parent_id = todos.id
                    ),
                    false
                )
            )
            AND (
                coalesce(
                    (
                        SELECT bool_or(tags.deleted_at IS NULL) AS bool_or_1
                        FROM todo_tags
                        JOIN tags ON tags.user_id = $1::BIGINT AND tags.id = todo_tags.tag_id
                        WHERE todo_tags.user_id = $1::BIGINT AND todo_tags.todo_id = todos.id
                    ),
                    false
                )
            )
            AND (todos.id = ANY ($10::BIGINT[]))
            AND (todos.key = $11::VARCHAR)
            AND (todos.list_id = $12::BIGINT)
            AND (todos.due_at IS NULL)
            AND (
                todos.list_id = (
                    SELECT lists.id FROM lists WHERE lists.user_id = $1::BIGINT AND lists.is_inbox
                )
            )
            AND (
                NOT coalesce(
                    (
                        SELECT bool_or(child.deleted_at IS NULL) AS bool_or_1
                        FROM todos AS child
                        WHERE child.user_id = $1::BIGINT AND child.parent_id = todos.id
                    ),
                    false
                )
            )
            AND (
                NOT coalesce(
                    (
                        SELECT bool_or(tags.deleted_at IS NULL) AS bool_or_1
                        FROM todo_tags
                        JOIN tags ON tags.user_id = $1::BIGINT AND tags.id = todo_tags.tag_id
                        WHERE todo_tags.user_id = $1::BIGINT AND todo_tags.todo_id = todos.id
                    ),
                    false
                )
            )
            AND (todos.repeat IS NULL)
            AND (
                $2::TIMESTAMP WITH TIME ZONE > CASE
                    WHEN (todos.due_at IS NULL) THEN 'infinity'::timestamptz ELSE todos.due_at
                END
                AND todos.completed_at IS NULL
            )
            AND (todos.parent_id = $13::BIGINT)
            AND (todos.priority = ANY ($14::SMALLINT[]))
            AND (todos.repeat IS NOT NULL)
            AND (
                todos.id IN (
                    SELECT todo_tags.todo_id
                    FROM todo_tags
                    WHERE
                        todo_tags.user_id = $1::BIGINT
                        AND todo_tags.tag_id IN (
                            SELECT tags.id
                            FROM tags
                            WHERE
                                tags.user_id = $1::BIGINT
                                AND tags.name_key = ANY ($15::TEXT[])
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
                                todo_tags.user_id = $1::BIGINT
                                AND todo_tags.tag_id IN (
                                    SELECT tags.id
                                    FROM tags
                                    WHERE
                                        tags.user_id = $1::BIGINT
                                        AND tags.name_key = ANY ($15::TEXT[])
                                        AND tags.deleted_at IS NULL
                                )
                            GROUP BY todo_tags.todo_id
                            HAVING count(*) = cardinality($15::TEXT[])
                        ) AS with_all
                    ) ? CAST(todos.id AS TEXT)
                )
            )
            AND (
                todos.id IN (
                    SELECT todo_tags.todo_id
                    FROM todo_tags
                    WHERE
                        todo_tags.user_id = $1::BIGINT
                        AND todo_tags.tag_id IN (
                            SELECT tags.id
                            FROM tags
                            WHERE
                                tags.user_id = $1::BIGINT
                                AND tags.name_key = ANY ($15::TEXT[])
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
                            WHERE lists.user_id = $1::BIGINT AND lists.archived_at IS NOT NULL
                        )
                    )
                )
            )
            AND (todos.updated_at >= $16::TIMESTAMP WITH TIME ZONE)
            AND (todos.updated_at < $17::TIMESTAMP WITH TIME ZONE)
            AND todos.id = ANY (array((SELECT unnest(later.ids) AS unnest_1 FROM later)))
            AND (todos.id NOT IN (SELECT unnest(later.ids) AS unnest_1 FROM later))
        ORDER BY todos.created_at DESC, todos.id DESC
        LIMIT 2000
    ),
    noted AS MATERIALIZED (
        SELECT last.todo_id AS id, last.words AS words
        FROM (
            SELECT notes.todo_id AS todo_id, notes.words AS words
            FROM notes
            WHERE notes.user_id = $1::BIGINT
            ORDER BY notes.id DESC
            LIMIT 2000
        ) AS last
        WHERE (SELECT jsonb_object_agg(newest.id, true) AS jsonb_object_agg_1 FROM newest) ? CAST(
            last.todo_id AS TEXT
        )
    ),
    piece AS (
        SELECT newest.id AS id, newest.words AS words
        FROM newest
        UNION ALL
        SELECT noted.id AS id, noted.words AS words
        FROM noted
    ),
    term AS MATERIALIZED (
        SELECT
            terms.word AS word,
            terms.term AS term,
            terms.follows AS follows,
            terms.is_common AS is_common,
            terms.n AS n
        FROM search_terms(
            $3::VARCHAR,
            (
                SELECT language_of(users.locale) AS language_of_1
                FROM users
                WHERE users.id = $1::BIGINT
            )
        ) WITH ORDINALITY AS terms(word, term, follows, is_common, n)
        ORDER BY terms.n
        LIMIT 32
    ),
    telling AS MATERIALIZED (
        SELECT term.n AS n, term.term AS term
        FROM term
        WHERE
            NOT term.is_common
            OR NOT (EXISTS (SELECT other.n FROM term AS other WHERE NOT other.is_common))
    ),
    wanted AS MATERIALIZED (
        SELECT CAST(string_agg(telling.term, ' | ') AS TSQUERY) AS wanted FROM telling
    ),
    hit AS MATERIALIZED (
        SELECT
            piece.id AS id,
            piece.words || '' AS words,
            ts_rank('{0.3,0.8,0.4,1}'::real[], piece.words, wanted.wanted) AS rank
        FROM piece
        JOIN wanted ON piece.words @@ CAST(wanted.wanted AS TSQUERY)
    ),
    best AS MATERIALIZED (
        SELECT hit.id AS id, count(DISTINCT telling.n) AS number, max(hit.rank) AS rank
        FROM hit
        JOIN telling ON hit.words @@ CAST(telling.term AS TSQUERY)
        GROUP BY hit.id
        ORDER BY number DESC, rank DESC, hit.id DESC
        LIMIT 5
    ),
    placed AS (
        SELECT
            best.id AS id,
            row_number() OVER (ORDER BY best.number DESC, best.rank DESC, best.id DESC) AS place
        FROM best
    )
SELECT
    array_to_json(
        array(
            (
                SELECT shown.row
                FROM (
                    SELECT
                        (
                            SELECT row_to_json(shaped) AS row_to_json_1
                            FROM (
                                SELECT
                                    todos.id AS id,
                                    todos.title AS title,
                                    todos.description AS description,
                                    (ARRAY['low','medium','high','urgent'])[
                                        todos.priority
                                    ] AS priority,
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
                                                        CAST(
                                                            todos.due_date AS TIMESTAMP WITHOUT TIME ZONE
                                                        ),
                                                        timezone(users.time_zone, todos.due_at)
                                                    ) AS DATE
                                                ) AS date,
                                                CASE
                                                    WHEN (todos.due_date IS NULL)
                                                    THEN to_char(
                                                        timezone(users.time_zone, todos.due_at),
                                                        'HH24:MI'
                                                    )
                                                    WHEN (
                                                        CAST(todos.due_time AS TEXT) LIKE '__:__:00'
                                                    )
                                                    THEN left(CAST(todos.due_time AS TEXT), 5)
                                                    ELSE CAST(todos.due_time AS TEXT)
                                                END AS time,
                                                to_char(
                                                    coalesce(
                                                        CAST(
                                                            todos.due_date AS TIMESTAMP WITHOUT TIME ZONE
                                                        ),
                                                        timezone(users.time_zone, todos.due_at)
                                                    ),
                                                    'FMDay'
                                                ) AS weekday,
                                                users.time_zone AS time_zone,
                                                (
                                                    to_json(timezone('UTC', todos.due_at)) #>> '{}'
                                                ) || 'Z' AS at,
                                                CASE
                                                    WHEN (todos.due_date IS NULL) THEN 'moment'
                                                    WHEN (CAST(todos.due_time AS TEXT) IS NULL)
                                                    THEN 'day'
                                                    ELSE 'time'
                                                END AS kind
                                            FROM users
                                            WHERE users.id = $1::BIGINT AND todos.due_at IS NOT NULL
                                        ) AS due
                                    ) AS due,
                                    todos.repeat AS repeat,
                                    todos.completed_at IS NOT NULL AS is_completed,
                                    (
                                        to_json(timezone('UTC', todos.completed_at)) #>> '{}'
                                    ) || 'Z' AS completed_at,
                                    (
                                        to_json(timezone('UTC', todos.created_at)) #>> '{}'
                                    ) || 'Z' AS created_at,
                                    (
                                        to_json(timezone('UTC', todos.updated_at)) #>> '{}'
                                    ) || 'Z' AS updated_at,
                                    (
                                        to_json(timezone('UTC', todos.deleted_at)) #>> '{}'
                                    ) || 'Z' AS deleted_at,
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
                                            WHERE
                                                child.deleted_at IS NULL
                                                AND child.completed_at IS NULL
                                        ) AS open,
                                        count(*) FILTER (WHERE child.deleted_at IS NULL) AS live
                                    FROM todos AS child
                                    WHERE child.user_id = $1::BIGINT AND child.parent_id = todos.id
                                ) AS subtasks
                            ) AS shaped
                        ) AS row,
                        placed.place AS place
                    FROM placed
                    JOIN todos ON todos.user_id = $1::BIGINT AND todos.id = placed.id
                    ORDER BY placed.place
                ) AS shown
                ORDER BY shown.place
            )
        )
    ) AS rows,
    array(
        (
            SELECT term.n
            FROM term
            WHERE EXISTS (
                SELECT piece.id
                FROM piece
                WHERE
                    piece.id = (SELECT placed.id FROM placed WHERE placed.place = 1)
                    AND (piece.words @@ CAST(term.term AS TSQUERY))
            )
            ORDER BY term.n
        )
    ) AS had
