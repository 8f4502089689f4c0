-- Make todos as `ADD` does, at least one, and record them as a change, for which `RECORD` would be one trip more.
--
-- `items`, `now` and `compared`: as in `ADD`. `operation`, `via`, `client`, `token_id`, `agent_id` and `request_id`: as in
-- `RECORD`.
-- Columns: as in `ADD`, the id of the change, `change_id`, and whether some process listens, `is_followed`.
--
-- Parameters:
--   $1 user_id bigint
--   $2 items jsonb
--   $3 compared boolean
--   $4 now timestamp with time zone
--   $5 operation character varying
--   $6 via character varying
--   $7 client character varying
--   $8 token_id bigint
--   $9 agent_id bigint
--   $10 request_id character varying
--
-- Columns:
--   id bigint
--   after json
--   alike_key bigint
--   alike json
--   change_id bigint
--   is_followed boolean

WITH
    item AS MATERIALIZED (
        SELECT
            nextval('todos_id_seq') AS id,
            ordered.n AS n,
            ordered.title AS title,
            ordered.description AS description,
            ordered.priority AS priority,
            ordered.list_id AS list_id,
            ordered.parent_id AS parent_id,
            ordered.parent_n AS parent_n,
            ordered.start AS start,
            ordered.due_date AS due_date,
            ordered.due_time AS due_time,
            ordered.due_at AS due_at,
            ordered.repeat AS repeat,
            ordered.follows_id AS follows_id,
            ordered.place AS place,
            ordered.comes_first AS comes_first,
            ordered.key AS key,
            ordered.source AS source,
            ordered.tag_ids AS tag_ids,
            ordered.subtasks AS subtasks
        FROM (
            SELECT
                given.n AS n,
                given.title AS title,
                given.description AS description,
                given.priority AS priority,
                given.list_id AS list_id,
                given.parent_id AS parent_id,
                given.parent_n AS parent_n,
                given.start AS start,
                given.due_date AS due_date,
                given.due_time AS due_time,
                given.due_at AS due_at,
                given.repeat AS repeat,
                given.follows_id AS follows_id,
                given.place AS place,
                given.comes_first AS comes_first,
                given.key AS key,
                given.source AS source,
                given.tag_ids AS tag_ids,
                given.subtasks AS subtasks
            FROM jsonb_to_recordset($2::JSONB) AS given(
                n INTEGER,
                title TEXT,
                description TEXT,
                priority SMALLINT,
                list_id BIGINT,
                parent_id BIGINT,
                parent_n INTEGER,
                start DATE,
                due_date DATE,
                due_time TIME WITHOUT TIME ZONE,
                due_at TIMESTAMP WITH TIME ZONE,
                repeat JSONB,
                follows_id BIGINT,
                place BIGINT,
                comes_first BOOLEAN,
                key TEXT,
                source TEXT,
                tag_ids BIGINT[],
                subtasks BIGINT
            )
            ORDER BY given.n
        ) AS ordered
    ),
    defaults AS MATERIALIZED (
        SELECT
            language_of(users.locale) AS language,
            users.new_todos = 'first' AS comes_first,
            coalesce(
                (
                    SELECT lists.id
                    FROM lists
                    WHERE
                        lists.user_id = $1::BIGINT
                        AND lists.id = users.default_list_id
                        AND lists.deleted_at IS NULL
                        AND lists.archived_at IS NULL
                ),
                (SELECT lists.id FROM lists WHERE lists.user_id = $1::BIGINT AND lists.is_inbox)
            ) AS list_id
        FROM users
        WHERE users.id = $1::BIGINT
    ),
    linked AS (
        INSERT INTO todo_tags (user_id, todo_id, tag_id, list_id)
        SELECT
            $1::BIGINT AS user_id,
            item.id AS id,
            unnest(item.tag_ids) AS tag_id,
            coalesce(item.list_id, defaults.list_id) AS list_id
        FROM item
        JOIN defaults ON true
    ),
    added AS (
        INSERT INTO todos (
            id,
            user_id,
            title,
            description,
            priority,
            list_id,
            place,
            key,
            source,
            language,
            created_at,
            updated_at,
            parent_id,
            start,
            due_date,
            due_time,
            due_at,
            repeat,
            follows_id
        )
        SELECT
            item.id AS id,
            $1::BIGINT AS user_id,
            item.title AS title,
            item.description AS description,
            item.priority AS priority,
            coalesce(item.list_id, defaults.list_id) AS list_id,
            coalesce(
                item.place,
                CASE
                    WHEN coalesce(item.comes_first, defaults.comes_first)
                    THEN -(
                        (
                            (
                                SELECT min(other.id) + max(other.id) AS anon_1 FROM item AS other
                            ) - item.id
                        ) << 20
                    )
                    ELSE item.id << 20
                END
            ) AS place,
            item.key AS key,
            item.source AS source,
            defaults.language AS language,
            coalesce($4::TIMESTAMP WITH TIME ZONE, statement_timestamp()) AS created_at,
            coalesce($4::TIMESTAMP WITH TIME ZONE, statement_timestamp()) AS updated_at,
            coalesce(item.parent_id, parent.id) AS parent_id,
            item.start AS start,
            item.due_date AS due_date,
            item.due_time AS due_time,
            item.due_at AS due_at,
            item.repeat AS repeat,
            item.follows_id AS follows_id
        FROM item
        JOIN defaults ON true
        LEFT OUTER JOIN item AS parent ON parent.n = item.parent_n
        RETURNING
            todos.id,
            todos.user_id,
            todos.title,
            todos.description,
            todos.priority,
            todos.completed_at,
            todos.deleted_at,
            todos.created_at,
            todos.updated_at,
            todos.version,
            todos.list_id,
            todos.parent_id,
            todos.start,
            todos.due_date,
            todos.due_time,
            todos.due_at,
            todos.repeat,
            todos.follows_id,
            todos.language,
            todos.words,
            todos.title_key,
            todos.alike_key,
            todos.same_key,
            todos.place,
            todos.chosen_place,
            todos.key,
            todos.source,
            todos.note_count
    ),
    written AS (
        SELECT
            added.id AS id,
            (
                SELECT row_to_json(shaped) AS row_to_json_1
                FROM (
                    SELECT
                        added.id AS id,
                        added.title AS title,
                        added.description AS description,
                        (ARRAY['low','medium','high','urgent'])[added.priority] AS priority,
                        added.list_id AS list_id,
                        added.parent_id AS parent_id,
                        CASE
                            WHEN (cardinality(item.tag_ids) > 0)
                            THEN to_json(
                                array(
                                    (
                                        SELECT tags.name
                                        FROM tags
                                        WHERE
                                            tags.user_id = $1::BIGINT
                                            AND tags.id = ANY (item.tag_ids)
                                            AND tags.deleted_at IS NULL
                                        ORDER BY tags.name_key
                                    )
                                )
                            )
                            ELSE '[]'::json
                        END AS tags,
                        added.start AS start,
                        (
                            SELECT row_to_json(due) AS row_to_json_2
                            FROM (
                                SELECT
                                    CAST(
                                        coalesce(
                                            CAST(added.due_date AS TIMESTAMP WITHOUT TIME ZONE),
                                            timezone(users.time_zone, added.due_at)
                                        ) AS DATE
                                    ) AS date,
                                    CASE
                                        WHEN (added.due_date IS NULL)
                                        THEN to_char(
                                            timezone(users.time_zone, added.due_at), 'HH24:MI'
                                        )
                                        WHEN (CAST(added.due_time AS TEXT) LIKE '__:__:00')
                                        THEN left(CAST(added.due_time AS TEXT), 5)
                                        ELSE CAST(added.due_time AS TEXT)
                                    END AS time,
                                    to_char(
                                        coalesce(
                                            CAST(added.due_date AS TIMESTAMP WITHOUT TIME ZONE),
                                            timezone(users.time_zone, added.due_at)
                                        ),
                                        'FMDay'
                                    ) AS weekday,
                                    users.time_zone AS time_zone,
                                    (to_json(timezone('UTC', added.due_at)) #>> '{}') || 'Z' AS at,
                                    CASE
                                        WHEN (added.due_date IS NULL) THEN 'moment'
                                        WHEN (CAST(added.due_time AS TEXT) IS NULL) THEN 'day'
                                        ELSE 'time'
                                    END AS kind
                                FROM users
                                WHERE users.id = $1::BIGINT AND added.due_at IS NOT NULL
                            ) AS due
                        ) AS due,
                        added.repeat AS repeat,
                        added.completed_at IS NOT NULL AS is_completed,
                        (
                            to_json(timezone('UTC', added.completed_at)) #>> '{}'
                        ) || 'Z' AS completed_at,
                        (to_json(timezone('UTC', added.created_at)) #>> '{}') || 'Z' AS created_at,
                        (to_json(timezone('UTC', added.updated_at)) #>> '{}') || 'Z' AS updated_at,
                        (to_json(timezone('UTC', added.deleted_at)) #>> '{}') || 'Z' AS deleted_at,
                        item.subtasks AS all_subtasks,
                        item.subtasks AS open_subtasks,
                        item.subtasks - item.subtasks AS done_subtasks,
                        added.key AS key,
                        added.source AS source,
                        added.note_count AS note_count,
                        added.version AS version
                ) AS shaped
            ) AS after,
            added.alike_key AS alike_key,
            CASE
                WHEN $3::BOOLEAN
                THEN to_json(
                    array_cat(
                        array(
                            (
                                SELECT there.id
                                FROM todos AS there
                                WHERE
                                    there.user_id = $1::BIGINT
                                    AND there.deleted_at IS NULL
                                    AND there.completed_at IS NULL
                                    AND there.alike_key = added.alike_key
                                    AND there.same_key = added.same_key
                                LIMIT 8
                            )
                        ),
                        array(
                            (
                                SELECT there.id
                                FROM todos AS there
                                WHERE
                                    there.user_id = $1::BIGINT
                                    AND there.deleted_at IS NULL
                                    AND there.completed_at IS NULL
                                    AND there.alike_key = added.alike_key
                                LIMIT 8
                            )
                        )
                    )
                )
            END AS alike,
            added.list_id AS list_after,
            row_number() OVER (ORDER BY item.n) AS number
        FROM added
        JOIN item ON added.id = item.id
    ),
    recorded AS (
        INSERT INTO changes (user_id, at, operation, via, client, token_id, agent_id, request_id)
        VALUES (
            $1::BIGINT,
            coalesce($4::TIMESTAMP WITH TIME ZONE, statement_timestamp()),
            $5::VARCHAR,
            $6::VARCHAR,
            $7::VARCHAR,
            $8::BIGINT,
            $9::BIGINT,
            $10::VARCHAR
        )
        RETURNING changes.id
    ),
    entries AS (
        INSERT INTO change_entries (
            user_id, change_id, number, entity, entity_id, list_after, after
        )
        SELECT
            $1::BIGINT AS user_id,
            recorded.id AS change_id,
            written.number AS number,
            'todo' AS entity,
            written.id AS entity_id,
            written.list_after AS list_after,
            written.after AS after
        FROM written
        JOIN recorded ON true
    )
SELECT
    written.id,
    written.after,
    written.alike_key,
    written.alike,
    recorded.id AS change_id,
    (
        SELECT CASE
            WHEN pg_try_advisory_lock(8412077, 1) THEN NOT pg_advisory_unlock(8412077, 1) ELSE true
        END AS anon_2
    ) AS is_followed
FROM written
JOIN recorded ON true
ORDER BY written.number
