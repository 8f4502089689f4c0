-- Apply each patch to its todo, and to no other. A todo that stays the same keeps its version.
--
-- `items`: a JSON array of patches, at most one for each todo. A patch has the `id` of its todo, may have `if_version`,
-- the versions that it is meant for (a number or an array), and has the columns to set: by their names, by `is_completed`
-- and `is_deleted`, and `tag_ids`. `ids`: the ids of all patches, for the index `uq_todos_user_id_id`. `trash_too`:
-- whether todos in the trash can be meant.
-- Columns: a row for each patch whose todo there is, in order: `id`, `version` and `before` (`TodoRead`); `after`
-- (`TodoRead`) is null if the todo stays the same, or has none of the versions in `if_version`.
--
-- Parameters:
--   $1 user_id bigint
--   $2 items jsonb
--   $3 ids bigint[]
--   $4 trash_too boolean
--
-- Columns:
--   id bigint
--   version integer
--   before json
--   after json

WITH
    patches AS (
        SELECT
            item.n AS n,
            item.patch AS patch,
            CAST(item.patch ->> 'id' AS BIGINT) AS id,
            item.patch['if_version'] AS if_version
        FROM jsonb_array_elements($2::JSONB) WITH ORDINALITY AS item(patch, n)
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
            array(
                (
                    SELECT todo_tags.tag_id
                    FROM todo_tags
                    JOIN tags ON tags.id = todo_tags.tag_id
                    WHERE
                        todo_tags.user_id = $1::BIGINT
                        AND tags.user_id = $1::BIGINT
                        AND todo_tags.todo_id = todos.id
                        AND tags.deleted_at IS NULL
                    ORDER BY todo_tags.tag_id
                )
            ) AS tag_ids,
            patches.n AS n,
            patches.patch AS patch,
            patches.if_version AS if_version
        FROM todos
        JOIN patches ON todos.id = patches.id
        WHERE
            todos.user_id = $1::BIGINT
            AND todos.id = ANY ($3::BIGINT[])
            AND (todos.deleted_at IS NULL OR $4::BOOLEAN)
        ORDER BY todos.id
        FOR UPDATE OF todos
    ),
    patched AS (
        SELECT
            stored.id AS id,
            CASE
                WHEN (stored.patch ? 'title') THEN stored.patch ->> 'title' ELSE stored.title
            END AS title,
            CASE
                WHEN (stored.patch ? 'description') THEN stored.patch ->> 'description'
                ELSE stored.description
            END AS description,
            CASE
                WHEN (stored.patch ? 'priority') THEN CAST(stored.patch ->> 'priority' AS SMALLINT)
                ELSE stored.priority
            END AS priority,
            CASE
                WHEN (stored.patch ? 'list_id') THEN CAST(stored.patch ->> 'list_id' AS BIGINT)
                ELSE stored.list_id
            END AS list_id,
            CASE
                WHEN (stored.patch ? 'parent_id') THEN CAST(stored.patch ->> 'parent_id' AS BIGINT)
                ELSE stored.parent_id
            END AS parent_id,
            CASE
                WHEN (stored.patch ? 'start') THEN CAST(stored.patch ->> 'start' AS DATE)
                ELSE stored.start
            END AS start,
            CASE
                WHEN (stored.patch ? 'due_date') THEN CAST(stored.patch ->> 'due_date' AS DATE)
                ELSE stored.due_date
            END AS due_date,
            CASE
                WHEN (stored.patch ? 'due_time')
                THEN CAST(stored.patch ->> 'due_time' AS TIME WITHOUT TIME ZONE)
                ELSE stored.due_time
            END AS due_time,
            CASE
                WHEN (stored.patch ? 'due_at')
                THEN CAST(stored.patch ->> 'due_at' AS TIMESTAMP WITH TIME ZONE)
                ELSE stored.due_at
            END AS due_at,
            CASE
                WHEN (stored.patch ? 'repeat') THEN nullif(stored.patch['repeat'], 'null'::jsonb)
                ELSE stored.repeat
            END AS repeat,
            CASE
                WHEN (stored.patch ? 'place') THEN CAST(stored.patch ->> 'place' AS BIGINT)
                ELSE stored.place
            END AS place,
            CASE
                WHEN (stored.patch ? 'chosen_place')
                THEN CAST(stored.patch ->> 'chosen_place' AS BIGINT)
                ELSE stored.chosen_place
            END AS chosen_place,
            CASE WHEN (stored.patch ? 'key') THEN stored.patch ->> 'key' ELSE stored.key END AS key,
            CASE
                WHEN (stored.patch ? 'source') THEN stored.patch ->> 'source' ELSE stored.source
            END AS source,
            CASE
                WHEN (stored.patch ? 'completed_at')
                THEN CAST(stored.patch ->> 'completed_at' AS TIMESTAMP WITH TIME ZONE)
                WHEN CAST(stored.patch ->> 'is_completed' AS BOOLEAN)
                THEN coalesce(stored.completed_at, statement_timestamp())
                WHEN (stored.patch ? 'is_completed') THEN NULL
                ELSE stored.completed_at
            END AS completed_at,
            CASE
                WHEN (stored.patch ? 'deleted_at')
                THEN CAST(stored.patch ->> 'deleted_at' AS TIMESTAMP WITH TIME ZONE)
                WHEN CAST(stored.patch ->> 'is_deleted' AS BOOLEAN)
                THEN coalesce(stored.deleted_at, statement_timestamp())
                WHEN (stored.patch ? 'is_deleted') THEN NULL
                ELSE stored.deleted_at
            END AS deleted_at,
            CASE
                WHEN (stored.patch ? 'tag_ids')
                THEN CAST(translate(stored.patch ->> 'tag_ids', '[]', '{}') AS BIGINT[])
                ELSE stored.tag_ids
            END AS tag_ids,
            stored.tag_ids AS stored_tag_ids
        FROM stored
        WHERE stored.if_version IS NULL OR (stored.if_version @> to_jsonb(stored.version))
    ),
    unlinked AS (
        DELETE FROM todo_tags
        USING patched
        WHERE
            todo_tags.user_id = $1::BIGINT
            AND todo_tags.todo_id = patched.id
            AND todo_tags.tag_id + 0 = ANY (patched.stored_tag_ids)
            AND todo_tags.tag_id != all(patched.tag_ids)
    ),
    linked AS (
        INSERT INTO todo_tags (user_id, todo_id, tag_id, list_id)
        SELECT $1::BIGINT AS user_id, patched.id AS id, tag_id, patched.list_id AS list_id
        FROM patched, unnest(patched.tag_ids) AS tag_id
        WHERE tag_id != all(patched.stored_tag_ids)
    ),
    revised AS (
        UPDATE todos
        SET
            title=patched.title,
            description=patched.description,
            priority=patched.priority,
            completed_at=patched.completed_at,
            deleted_at=patched.deleted_at,
            updated_at=statement_timestamp(),
            version=(todos.version + 1),
            list_id=patched.list_id,
            parent_id=patched.parent_id,
            start=patched.start,
            due_date=patched.due_date,
            due_time=patched.due_time,
            due_at=patched.due_at,
            repeat=patched.repeat,
            language=(
                SELECT language_of(users.locale) AS language_of_1
                FROM users
                WHERE users.id = $1::BIGINT
            ),
            place=patched.place,
            chosen_place=patched.chosen_place,
            key=patched.key,
            source=patched.source
        FROM patched
        WHERE
            todos.user_id = $1::BIGINT
            AND todos.id = patched.id
            AND (
                (
                    todos.title,
                    todos.description,
                    todos.priority,
                    todos.list_id,
                    todos.parent_id,
                    todos.start,
                    todos.due_date,
                    todos.due_time,
                    todos.due_at,
                    todos.repeat,
                    todos.place,
                    todos.chosen_place,
                    todos.key,
                    todos.source,
                    todos.completed_at,
                    todos.deleted_at
                ) IS DISTINCT FROM (
                    patched.title,
                    patched.description,
                    patched.priority,
                    patched.list_id,
                    patched.parent_id,
                    patched.start,
                    patched.due_date,
                    patched.due_time,
                    patched.due_at,
                    patched.repeat,
                    patched.place,
                    patched.chosen_place,
                    patched.key,
                    patched.source,
                    patched.completed_at,
                    patched.deleted_at
                )
                OR patched.tag_ids != patched.stored_tag_ids
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
    )
SELECT
    stored.id,
    stored.version,
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
                CASE
                    WHEN (cardinality(stored.tag_ids) > 0)
                    THEN to_json(
                        array(
                            (
                                SELECT tags.name
                                FROM tags
                                WHERE
                                    tags.user_id = $1::BIGINT
                                    AND tags.id = ANY (stored.tag_ids)
                                    AND tags.deleted_at IS NULL
                                ORDER BY tags.name_key
                            )
                        )
                    )
                    ELSE '[]'::json
                END AS tags,
                stored.start AS start,
                (
                    SELECT row_to_json(due) AS row_to_json_2
                    FROM (
                        SELECT
                            CAST(
                                coalesce(
                                    CAST(stored.due_date AS TIMESTAMP WITHOUT TIME ZONE),
                                    timezone(users.time_zone, stored.due_at)
                                ) AS DATE
                            ) AS date,
                            CASE
                                WHEN (stored.due_date IS NULL)
                                THEN to_char(timezone(users.time_zone, stored.due_at), 'HH24:MI')
                                WHEN (CAST(stored.due_time AS TEXT) LIKE '__:__:00')
                                THEN left(CAST(stored.due_time AS TEXT), 5)
                                ELSE CAST(stored.due_time AS TEXT)
                            END AS time,
                            to_char(
                                coalesce(
                                    CAST(stored.due_date AS TIMESTAMP WITHOUT TIME ZONE),
                                    timezone(users.time_zone, stored.due_at)
                                ),
                                'FMDay'
                            ) AS weekday,
                            users.time_zone AS time_zone,
                            (to_json(timezone('UTC', stored.due_at)) #>> '{}') || 'Z' AS at,
                            CASE
                                WHEN (stored.due_date IS NULL) THEN 'moment'
                                WHEN (CAST(stored.due_time AS TEXT) IS NULL) THEN 'day'
                                ELSE 'time'
                            END AS kind
                        FROM users
                        WHERE users.id = $1::BIGINT AND stored.due_at IS NOT NULL
                    ) AS due
                ) AS due,
                stored.repeat AS repeat,
                stored.completed_at IS NOT NULL AS is_completed,
                (to_json(timezone('UTC', stored.completed_at)) #>> '{}') || 'Z' AS completed_at,
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
            FROM (
                SELECT
                    count(*) FILTER (
                        WHERE child.deleted_at IS NULL AND child.completed_at IS NULL
                    ) AS open,
                    count(*) FILTER (WHERE child.deleted_at IS NULL) AS live
                FROM todos AS child
                WHERE child.user_id = $1::BIGINT AND child.parent_id = stored.id
            ) AS subtasks
        ) AS shaped
    ) AS before,
    CASE
        WHEN (revised.id IS NOT NULL)
        THEN (
            SELECT row_to_json(shaped) AS row_to_json_3
            FROM (
                SELECT
                    revised.id AS id,
                    revised.title AS title,
                    revised.description AS description,
                    (ARRAY['low','medium','high','urgent'])[revised.priority] AS priority,
                    revised.list_id AS list_id,
                    revised.parent_id AS parent_id,
                    CASE
                        WHEN (cardinality(patched.tag_ids) > 0)
                        THEN to_json(
                            array(
                                (
                                    SELECT tags.name
                                    FROM tags
                                    WHERE
                                        tags.user_id = $1::BIGINT
                                        AND tags.id = ANY (patched.tag_ids)
                                        AND tags.deleted_at IS NULL
                                    ORDER BY tags.name_key
                                )
                            )
                        )
                        ELSE '[]'::json
                    END AS tags,
                    revised.start AS start,
                    (
                        SELECT row_to_json(due) AS row_to_json_4
                        FROM (
                            SELECT
                                CAST(
                                    coalesce(
                                        CAST(revised.due_date AS TIMESTAMP WITHOUT TIME ZONE),
                                        timezone(users.time_zone, revised.due_at)
                                    ) AS DATE
                                ) AS date,
                                CASE
                                    WHEN (revised.due_date IS NULL)
                                    THEN to_char(
                                        timezone(users.time_zone, revised.due_at), 'HH24:MI'
                                    )
                                    WHEN (CAST(revised.due_time AS TEXT) LIKE '__:__:00')
                                    THEN left(CAST(revised.due_time AS TEXT), 5)
                                    ELSE CAST(revised.due_time AS TEXT)
                                END AS time,
                                to_char(
                                    coalesce(
                                        CAST(revised.due_date AS TIMESTAMP WITHOUT TIME ZONE),
                                        timezone(users.time_zone, revised.due_at)
                                    ),
                                    'FMDay'
                                ) AS weekday,
                                users.time_zone AS time_zone,
                                (to_json(timezone('UTC', revised.due_at)) #>> '{}') || 'Z' AS at,
                                CASE
                                    WHEN (revised.due_date IS NULL) THEN 'moment'
                                    WHEN (CAST(revised.due_time AS TEXT) IS NULL) THEN 'day'
                                    ELSE 'time'
                                END AS kind
                            FROM users
                            WHERE users.id = $1::BIGINT AND revised.due_at IS NOT NULL
                        ) AS due
                    ) AS due,
                    revised.repeat AS repeat,
                    revised.completed_at IS NOT NULL AS is_completed,
                    (
                        to_json(timezone('UTC', revised.completed_at)) #>> '{}'
                    ) || 'Z' AS completed_at,
                    (to_json(timezone('UTC', revised.created_at)) #>> '{}') || 'Z' AS created_at,
                    (to_json(timezone('UTC', revised.updated_at)) #>> '{}') || 'Z' AS updated_at,
                    (to_json(timezone('UTC', revised.deleted_at)) #>> '{}') || 'Z' AS deleted_at,
                    others.live + own.live AS all_subtasks,
                    others.open + own.open AS open_subtasks,
                    (others.live + own.live) - (others.open + own.open) AS done_subtasks,
                    revised.key AS key,
                    revised.source AS source,
                    revised.note_count AS note_count,
                    revised.version AS version
                FROM
                    (
                        SELECT
                            count(*) FILTER (
                                WHERE child.deleted_at IS NULL AND child.completed_at IS NULL
                            ) AS open,
                            count(*) FILTER (WHERE child.deleted_at IS NULL) AS live
                        FROM todos AS child
                        WHERE
                            child.user_id = $1::BIGINT
                            AND child.parent_id = revised.id
                            AND (child.id NOT IN (SELECT sibling.id FROM patched AS sibling))
                    ) AS others,
                    (
                        SELECT
                            count(*) FILTER (
                                WHERE sibling.deleted_at IS NULL AND sibling.completed_at IS NULL
                            ) AS open,
                            count(*) FILTER (WHERE sibling.deleted_at IS NULL) AS live
                        FROM patched AS sibling
                        WHERE revised.id = sibling.parent_id
                    ) AS own
            ) AS shaped
        )
    END AS after
FROM stored
LEFT OUTER JOIN patched ON patched.id = stored.id
LEFT OUTER JOIN revised ON revised.id = stored.id
ORDER BY stored.n
