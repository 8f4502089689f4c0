-- Apply each patch to its todo, as `REVISE` does, without a look at what the todos show.
--
-- `items`, `ids`, `trash_too`: as there. `now`: the moment to set, which all statements of a request share.
-- Columns: the ids of the todos that are there (`found`), and of those that differ now (`changed`), as arrays.
--
-- Parameters:
--   $1 now timestamp with time zone
--   $2 user_id bigint
--   $3 items jsonb
--   $4 ids bigint[]
--   $5 trash_too boolean
--
-- Columns:
--   found bigint[]
--   changed bigint[]

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
            array(
                (
                    SELECT todo_tags.tag_id
                    FROM todo_tags
                    JOIN tags ON tags.id = todo_tags.tag_id
                    WHERE
                        todo_tags.user_id = $2::BIGINT
                        AND tags.user_id = $2::BIGINT
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
            todos.user_id = $2::BIGINT
            AND todos.id = ANY ($4::BIGINT[])
            AND (todos.deleted_at IS NULL OR $5::BOOLEAN)
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
                THEN coalesce(stored.completed_at, $1::TIMESTAMP WITH TIME ZONE)
                WHEN (stored.patch ? 'is_completed') THEN NULL
                ELSE stored.completed_at
            END AS completed_at,
            CASE
                WHEN (stored.patch ? 'deleted_at')
                THEN CAST(stored.patch ->> 'deleted_at' AS TIMESTAMP WITH TIME ZONE)
                WHEN CAST(stored.patch ->> 'is_deleted' AS BOOLEAN)
                THEN coalesce(stored.deleted_at, $1::TIMESTAMP WITH TIME ZONE)
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
            todo_tags.user_id = $2::BIGINT
            AND todo_tags.todo_id = patched.id
            AND todo_tags.tag_id + 0 = ANY (patched.stored_tag_ids)
            AND todo_tags.tag_id != all(patched.tag_ids)
    ),
    linked AS (
        INSERT INTO todo_tags (user_id, todo_id, tag_id, list_id)
        SELECT $2::BIGINT AS user_id, patched.id AS id, tag_id, patched.list_id AS list_id
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
            updated_at=$1::TIMESTAMP WITH TIME ZONE,
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
                WHERE users.id = $2::BIGINT
            ),
            place=patched.place,
            chosen_place=patched.chosen_place,
            key=patched.key,
            source=patched.source
        FROM patched
        WHERE
            todos.user_id = $2::BIGINT
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
        RETURNING todos.id
    )
SELECT
    array((SELECT stored.id FROM stored)) AS found,
    array((SELECT revised.id FROM revised)) AS changed
