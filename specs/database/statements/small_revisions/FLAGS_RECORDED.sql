-- Apply patches as `FLAGS_ONLY` does, and record the change, if any todo differs.
--
-- `items`, `ids` and `trash_too`: as there. `now`, `operation`, `via`, `client`, `token_id`, `agent_id` and `request_id`:
-- as in `TEXTS_RECORDED`.
-- Columns: as there.
--
-- Parameters:
--   $1 user_id bigint
--   $2 now timestamp with time zone
--   $3 items jsonb
--   $4 ids bigint[]
--   $5 trash_too boolean
--   $6 operation character varying
--   $7 via character varying
--   $8 client character varying
--   $9 token_id bigint
--   $10 agent_id bigint
--   $11 request_id character varying
--
-- Columns:
--   id bigint
--   version integer
--   before json
--   after json
--   change_id bigint
--   is_followed boolean

WITH
    patches AS (
        SELECT
            item.n AS n,
            item.patch AS patch,
            CAST(item.patch ->> 'id' AS BIGINT) AS id,
            item.patch['if_version'] AS if_version
        FROM jsonb_array_elements($3::JSONB) WITH ORDINALITY AS item(patch, n)
    ),
    stored AS (
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
            todos.note_count AS note_count,
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
            (
                SELECT row_to_json(due) AS row_to_json_3
                FROM (
                    SELECT
                        CAST(
                            coalesce(
                                CAST(todos.due_date AS TIMESTAMP WITHOUT TIME ZONE),
                                timezone(users.time_zone, todos.due_at)
                            ) AS DATE
                        ) AS date,
                        CASE
                            WHEN (todos.due_date IS NULL)
                            THEN to_char(timezone(users.time_zone, todos.due_at), 'HH24:MI')
                            WHEN (CAST(todos.due_time AS TEXT) LIKE '__:__:00')
                            THEN left(CAST(todos.due_time AS TEXT), 5)
                            ELSE CAST(todos.due_time AS TEXT)
                        END AS time,
                        to_char(
                            coalesce(
                                CAST(todos.due_date AS TIMESTAMP WITHOUT TIME ZONE),
                                timezone(users.time_zone, todos.due_at)
                            ),
                            'FMDay'
                        ) AS weekday,
                        users.time_zone AS time_zone,
                        (to_json(timezone('UTC', todos.due_at)) #>> '{}') || 'Z' AS at,
                        CASE
                            WHEN (todos.due_date IS NULL) THEN 'moment'
                            WHEN (CAST(todos.due_time AS TEXT) IS NULL) THEN 'day'
                            ELSE 'time'
                        END AS kind
                    FROM users
                    WHERE users.id = $1::BIGINT AND todos.due_at IS NOT NULL
                ) AS due
            ) AS due,
            CASE
                WHEN (patches.patch ? 'completed_at')
                THEN CAST(patches.patch ->> 'completed_at' AS TIMESTAMP WITH TIME ZONE)
                WHEN CAST(patches.patch ->> 'is_completed' AS BOOLEAN)
                THEN coalesce(
                    todos.completed_at,
                    coalesce($2::TIMESTAMP WITH TIME ZONE, statement_timestamp())
                )
                WHEN (patches.patch ? 'is_completed') THEN NULL
                ELSE todos.completed_at
            END AS new_completed_at,
            CASE
                WHEN (patches.patch ? 'deleted_at')
                THEN CAST(patches.patch ->> 'deleted_at' AS TIMESTAMP WITH TIME ZONE)
                WHEN CAST(patches.patch ->> 'is_deleted' AS BOOLEAN)
                THEN coalesce(
                    todos.deleted_at, coalesce($2::TIMESTAMP WITH TIME ZONE, statement_timestamp())
                )
                WHEN (patches.patch ? 'is_deleted') THEN NULL
                ELSE todos.deleted_at
            END AS new_deleted_at,
            patches.if_version IS NULL
            OR (patches.if_version @> to_jsonb(todos.version)) AS is_meant,
            patches.n AS n
        FROM todos
        JOIN patches ON todos.id = patches.id
        WHERE
            todos.user_id = $1::BIGINT
            AND todos.id = ANY ($4::BIGINT[])
            AND (todos.deleted_at IS NULL OR $5::BOOLEAN)
        ORDER BY todos.id
        FOR UPDATE OF todos
    ),
    revised AS (
        UPDATE todos
        SET
            completed_at=stored.new_completed_at,
            deleted_at=stored.new_deleted_at,
            updated_at=coalesce($2::TIMESTAMP WITH TIME ZONE, statement_timestamp()),
            version=(todos.version + 1),
            language=(
                SELECT language_of(users.locale) AS language_of_1
                FROM users
                WHERE users.id = $1::BIGINT
            )
        FROM stored
        WHERE
            todos.user_id = $1::BIGINT
            AND todos.id = stored.id
            AND stored.is_meant
            AND (todos.completed_at, todos.deleted_at) IS DISTINCT FROM (
                stored.new_completed_at, stored.new_deleted_at
            )
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
            stored.id AS id,
            stored.version AS version,
            (
                SELECT row_to_json(shaped) AS row_to_json_1
                FROM (
                    SELECT
                        stored.id AS id,
                        stored.title AS title,
                        stored.description AS description,
                        (ARRAY['low','medium','high','urgent'])[stored.priority] AS priority,
                        stored.list_id AS list_id,
                        stored.parent_id AS parent_id,
                        stored.tags AS tags,
                        stored.start AS start,
                        stored.due AS due,
                        stored.repeat AS repeat,
                        stored.completed_at IS NOT NULL AS is_completed,
                        (
                            to_json(timezone('UTC', stored.completed_at)) #>> '{}'
                        ) || 'Z' AS completed_at,
                        (to_json(timezone('UTC', stored.created_at)) #>> '{}') || 'Z' AS created_at,
                        (to_json(timezone('UTC', stored.updated_at)) #>> '{}') || 'Z' AS updated_at,
                        (to_json(timezone('UTC', stored.deleted_at)) #>> '{}') || 'Z' AS deleted_at,
                        subtasks.live AS all_subtasks,
                        subtasks.open AS open_subtasks,
                        subtasks.live - subtasks.open AS done_subtasks,
                        stored.key AS key,
                        stored.source AS source,
                        stored.note_count AS note_count,
                        stored.version AS version
                ) AS shaped
            ) AS before,
            CASE
                WHEN (revised.id IS NOT NULL)
                THEN (
                    SELECT row_to_json(shaped) AS row_to_json_2
                    FROM (
                        SELECT
                            revised.id AS id,
                            revised.title AS title,
                            revised.description AS description,
                            (ARRAY['low','medium','high','urgent'])[revised.priority] AS priority,
                            revised.list_id AS list_id,
                            revised.parent_id AS parent_id,
                            stored.tags AS tags,
                            revised.start AS start,
                            stored.due AS due,
                            revised.repeat AS repeat,
                            revised.completed_at IS NOT NULL AS is_completed,
                            (
                                to_json(timezone('UTC', revised.completed_at)) #>> '{}'
                            ) || 'Z' AS completed_at,
                            (
                                to_json(timezone('UTC', revised.created_at)) #>> '{}'
                            ) || 'Z' AS created_at,
                            (
                                to_json(timezone('UTC', revised.updated_at)) #>> '{}'
                            ) || 'Z' AS updated_at,
                            (
                                to_json(timezone('UTC', revised.deleted_at)) #>> '{}'
                            ) || 'Z' AS deleted_at,
                            subtasks.new_live AS all_subtasks,
                            subtasks.new_open AS open_subtasks,
                            subtasks.new_live - subtasks.new_open AS done_subtasks,
                            revised.key AS key,
                            revised.source AS source,
                            revised.note_count AS note_count,
                            revised.version AS version
                    ) AS shaped
                )
            END AS after,
            stored.list_id AS list_before,
            stored.list_id AS list_after,
            count(revised.id) OVER (ORDER BY stored.n) AS number,
            stored.n AS n
        FROM stored
        LEFT OUTER JOIN revised ON revised.id = stored.id
        JOIN LATERAL (
            SELECT
                count(*) FILTER (
                    WHERE child.deleted_at IS NULL AND child.completed_at IS NULL
                ) AS open,
                count(*) FILTER (WHERE child.deleted_at IS NULL) AS live,
                count(*) FILTER (
                    WHERE
                        CASE
                            WHEN (sibling.is_meant IS true) THEN sibling.new_deleted_at
                            ELSE child.deleted_at
                        END IS NULL
                        AND CASE
                            WHEN (sibling.is_meant IS true) THEN sibling.new_completed_at
                            ELSE child.completed_at
                        END IS NULL
                ) AS new_open,
                count(*) FILTER (
                    WHERE CASE
                        WHEN (sibling.is_meant IS true) THEN sibling.new_deleted_at
                        ELSE child.deleted_at
                    END IS NULL
                ) AS new_live
            FROM todos AS child
            LEFT OUTER JOIN stored AS sibling ON sibling.id = child.id
            WHERE child.user_id = $1::BIGINT AND child.parent_id = stored.id
        ) AS subtasks
            ON true
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
            coalesce($2::TIMESTAMP WITH TIME ZONE, statement_timestamp()) AS at
        WHERE EXISTS (SELECT * FROM revised)
        RETURNING changes.id
    ),
    entries AS (
        INSERT INTO change_entries (
            user_id, change_id, number, entity, entity_id, list_before, list_after, before, after
        )
        SELECT
            $1::BIGINT AS user_id,
            recorded.id AS change_id,
            written.number AS number,
            'todo' AS entity,
            written.id AS entity_id,
            written.list_before AS list_before,
            written.list_after AS list_after,
            written.before AS before,
            written.after AS after
        FROM written
        JOIN recorded ON true
        WHERE written.after IS NOT NULL
    )
SELECT
    written.id,
    written.version,
    written.before,
    written.after,
    recorded.id AS change_id,
    (
        SELECT CASE
            WHEN pg_try_advisory_lock(8412077, 1) THEN NOT pg_advisory_unlock(8412077, 1) ELSE true
        END AS anon_1
    ) AS is_followed
FROM written
LEFT OUTER JOIN recorded ON true
ORDER BY written.n
