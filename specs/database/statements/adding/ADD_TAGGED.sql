-- Make and record todos as `ADD_PLAIN` does that may have tags, and nothing if a tag is not there.
--
-- Reads `uq_tags_name`.
--
-- `items`: as in `ADD_PLAIN`, each with `tag_keys`, in which the names of its tags are folded. `tag_keys`: all of them,
-- each once. `now`, `compared`, `operation`, `via`, `client`, `token_id`, `agent_id` and `request_id`: as there.
-- Columns: as there; no row if a tag is not there.
--
-- Parameters:
--   $1 user_id bigint
--   $2 tag_keys text[]
--   $3 items jsonb
--   $4 compared boolean
--   $5 now timestamp with time zone
--   $6 operation character varying
--   $7 via character varying
--   $8 client character varying
--   $9 token_id bigint
--   $10 agent_id bigint
--   $11 request_id character varying
--
-- Columns:
--   id bigint
--   after json
--   alike_key bigint
--   alike json
--   change_id bigint
--   is_followed boolean

WITH
    known AS MATERIALIZED (
        SELECT tags.id AS id, tags.name AS name, tags.name_key AS name_key
        FROM tags
        WHERE
            tags.user_id = $1::BIGINT
            AND tags.deleted_at IS NULL
            AND tags.name_key = ANY ($2::TEXT[])
    ),
    item AS MATERIALIZED (
        SELECT
            nextval('todos_id_seq') AS id,
            ordered.n AS n,
            ordered.title AS title,
            ordered.description AS description,
            ordered.priority AS priority,
            ordered.list_id AS list_id,
            ordered.key AS key,
            ordered.source AS source,
            ordered.tag_keys AS tag_keys,
            array(
                (SELECT known.id FROM known WHERE known.name_key = ANY (ordered.tag_keys))
            ) AS tag_ids
        FROM (
            SELECT
                given.n AS n,
                given.title AS title,
                given.description AS description,
                given.priority AS priority,
                given.list_id AS list_id,
                given.key AS key,
                given.source AS source,
                given.tag_keys AS tag_keys
            FROM jsonb_to_recordset($3::JSONB) AS given(
                n INTEGER,
                title TEXT,
                description TEXT,
                priority SMALLINT,
                list_id BIGINT,
                key TEXT,
                source TEXT,
                tag_keys TEXT[]
            )
            ORDER BY given.n
        ) AS ordered
        WHERE (SELECT count(*) AS count_1 FROM known) = cardinality($2::TEXT[])
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
            updated_at
        )
        SELECT
            item.id AS id,
            $1::BIGINT AS user_id,
            item.title AS title,
            item.description AS description,
            item.priority AS priority,
            coalesce(item.list_id, defaults.list_id) AS list_id,
            CASE
                WHEN defaults.comes_first
                THEN -(
                    (
                        (
                            SELECT min(other.id) + max(other.id) AS anon_1 FROM item AS other
                        ) - item.id
                    ) << 20
                )
                ELSE item.id << 20
            END AS place,
            item.key AS key,
            item.source AS source,
            defaults.language AS language,
            coalesce($5::TIMESTAMP WITH TIME ZONE, statement_timestamp()) AS created_at,
            coalesce($5::TIMESTAMP WITH TIME ZONE, statement_timestamp()) AS updated_at
        FROM item
        JOIN defaults ON true
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
                        to_json(
                            array(
                                (
                                    SELECT known.name
                                    FROM known
                                    WHERE known.id = ANY (item.tag_ids)
                                    ORDER BY known.name_key
                                )
                            )
                        ) AS tags,
                        added.start AS start,
                        NULL AS due,
                        added.repeat AS repeat,
                        added.completed_at IS NOT NULL AS is_completed,
                        (
                            to_json(timezone('UTC', added.completed_at)) #>> '{}'
                        ) || 'Z' AS completed_at,
                        (to_json(timezone('UTC', added.created_at)) #>> '{}') || 'Z' AS created_at,
                        (to_json(timezone('UTC', added.updated_at)) #>> '{}') || 'Z' AS updated_at,
                        (to_json(timezone('UTC', added.deleted_at)) #>> '{}') || 'Z' AS deleted_at,
                        0 AS all_subtasks,
                        0 AS open_subtasks,
                        0 - 0 AS done_subtasks,
                        added.key AS key,
                        added.source AS source,
                        added.note_count AS note_count,
                        added.version AS version
                ) AS shaped
            ) AS after,
            added.alike_key AS alike_key,
            CASE
                WHEN $4::BOOLEAN
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
        INSERT INTO changes (user_id, operation, via, client, token_id, agent_id, request_id, at)
        SELECT
            $1::BIGINT AS user_id,
            $6::VARCHAR AS operation,
            $7::VARCHAR AS via,
            $8::VARCHAR AS client,
            $9::BIGINT AS token_id,
            $10::BIGINT AS agent_id,
            $11::VARCHAR AS request_id,
            coalesce($5::TIMESTAMP WITH TIME ZONE, statement_timestamp()) AS at
        WHERE EXISTS (SELECT * FROM added)
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
