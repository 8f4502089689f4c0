-- Apply each patch to its todo, and to no other. A todo that stays the same keeps its version.
--
-- `items`: a JSON array of patches, at most one for each todo. A patch has the `id` of its todo, may have `if_version`,
-- the versions that it is meant for (a number or an array), and has the columns to set: by their names, by `is_completed`
-- and `is_deleted`, and `tag_ids`. `ids`: the ids of all patches, for the index `uq_todos_user_id_id`. `trash_too`:
-- whether todos in the trash can be meant.
-- Columns: a row for each patch, in order. `id`, `version` and `before` (`TodoRead`) are null if there is no such todo;
-- `after` (`TodoRead`) is null if the todo stays the same, or has none of the versions in `if_version`.
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
    wanted AS (
        SELECT
            anon_1.n AS n,
            anon_1.patch AS patch,
            CAST(anon_1.patch ->> 'id' AS BIGINT) AS id,
            anon_1.patch['if_version'] AS if_version
        FROM jsonb_array_elements($2::JSONB) WITH ORDINALITY AS anon_1(patch, n)
    ),
    "old" AS (
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
            todos.due_on AS due_on,
            todos.due_at AS due_at,
            todos.repeat AS repeat,
            todos.follows_id AS follows_id,
            todos.language AS language,
            todos.search AS search,
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
            wanted.n AS n,
            wanted.patch AS patch,
            wanted.if_version AS if_version
        FROM todos
        JOIN wanted ON todos.id = wanted.id
        WHERE
            todos.user_id = $1::BIGINT
            AND todos.id = ANY ($3::BIGINT[])
            AND (todos.deleted_at IS NULL OR $4::BOOLEAN)
        ORDER BY todos.id
        FOR UPDATE OF todos
    ),
    next AS (
        SELECT
            "old".id AS id,
            "old".tag_ids AS old_tag_ids,
            CASE
                WHEN ("old".patch ? 'tag_ids')
                THEN CAST(translate("old".patch ->> 'tag_ids', '[]', '{}') AS BIGINT[])
                ELSE "old".tag_ids
            END AS tag_ids,
            CASE
                WHEN ("old".patch ? 'title') THEN "old".patch ->> 'title' ELSE "old".title
            END AS title,
            CASE
                WHEN ("old".patch ? 'description') THEN "old".patch ->> 'description'
                ELSE "old".description
            END AS description,
            CASE
                WHEN ("old".patch ? 'priority') THEN CAST("old".patch ->> 'priority' AS SMALLINT)
                ELSE "old".priority
            END AS priority,
            CASE
                WHEN ("old".patch ? 'list_id') THEN CAST("old".patch ->> 'list_id' AS BIGINT)
                ELSE "old".list_id
            END AS list_id,
            CASE
                WHEN ("old".patch ? 'parent_id') THEN CAST("old".patch ->> 'parent_id' AS BIGINT)
                ELSE "old".parent_id
            END AS parent_id,
            CASE
                WHEN ("old".patch ? 'due_on') THEN CAST("old".patch ->> 'due_on' AS DATE)
                ELSE "old".due_on
            END AS due_on,
            CASE
                WHEN ("old".patch ? 'due_at')
                THEN CAST("old".patch ->> 'due_at' AS TIMESTAMP WITH TIME ZONE)
                ELSE "old".due_at
            END AS due_at,
            CASE
                WHEN ("old".patch ? 'repeat') THEN nullif("old".patch['repeat'], 'null'::jsonb)
                ELSE "old".repeat
            END AS repeat,
            CASE
                WHEN ("old".patch ? 'completed_at')
                THEN CAST("old".patch ->> 'completed_at' AS TIMESTAMP WITH TIME ZONE)
                WHEN CAST("old".patch ->> 'is_completed' AS BOOLEAN)
                THEN coalesce("old".completed_at, statement_timestamp())
                WHEN ("old".patch ? 'is_completed') THEN NULL
                ELSE "old".completed_at
            END AS completed_at,
            CASE
                WHEN ("old".patch ? 'deleted_at')
                THEN CAST("old".patch ->> 'deleted_at' AS TIMESTAMP WITH TIME ZONE)
                WHEN CAST("old".patch ->> 'is_deleted' AS BOOLEAN)
                THEN coalesce("old".deleted_at, statement_timestamp())
                WHEN ("old".patch ? 'is_deleted') THEN NULL
                ELSE "old".deleted_at
            END AS deleted_at
        FROM "old"
        WHERE "old".if_version IS NULL OR ("old".if_version @> to_jsonb("old".version))
    ),
    taken AS (
        DELETE FROM todo_tags
        USING next
        WHERE
            todo_tags.user_id = $1::BIGINT
            AND todo_tags.todo_id = next.id
            AND todo_tags.tag_id = ANY (next.old_tag_ids)
            AND todo_tags.tag_id != all(next.tag_ids)
    ),
    given_tags AS (
        INSERT INTO todo_tags (user_id, todo_id, tag_id)
        SELECT $1::BIGINT AS anon_2, next.id AS id, tag_id
        FROM next, unnest(next.tag_ids) AS tag_id
        WHERE tag_id != all(next.old_tag_ids)
    ),
    revised AS (
        UPDATE todos
        SET
            title=next.title,
            description=next.description,
            priority=next.priority,
            completed_at=next.completed_at,
            deleted_at=next.deleted_at,
            updated_at=statement_timestamp(),
            version=(todos.version + 1),
            list_id=next.list_id,
            parent_id=next.parent_id,
            due_on=next.due_on,
            due_at=next.due_at,
            repeat=next.repeat,
            language=(
                SELECT language_of(users.locale) AS language_of_1
                FROM users
                WHERE users.id = $1::BIGINT
            )
        FROM next
        WHERE
            todos.user_id = $1::BIGINT
            AND todos.id = next.id
            AND (
                (
                    todos.title,
                    todos.description,
                    todos.priority,
                    todos.list_id,
                    todos.parent_id,
                    todos.due_on,
                    todos.due_at,
                    todos.repeat,
                    todos.completed_at,
                    todos.deleted_at
                ) IS DISTINCT FROM (
                    next.title,
                    next.description,
                    next.priority,
                    next.list_id,
                    next.parent_id,
                    next.due_on,
                    next.due_at,
                    next.repeat,
                    next.completed_at,
                    next.deleted_at
                )
                OR next.tag_ids != next.old_tag_ids
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
            todos.due_on,
            todos.due_at,
            todos.repeat,
            todos.follows_id,
            todos.language,
            todos.search
    )
SELECT
    "old".id,
    "old".version,
    (
        SELECT row_to_json(shaped) AS row_to_json_1
        FROM (
            SELECT
                "old".id AS id,
                "old".title AS title,
                "old".description AS description,
                (ARRAY['low','medium','high','urgent'])["old".priority] AS priority,
                "old".list_id AS list_id,
                "old".parent_id AS parent_id,
                to_json(
                    array(
                        (
                            SELECT tags.name
                            FROM tags
                            WHERE
                                tags.user_id = $1::BIGINT
                                AND tags.id = ANY ("old".tag_ids)
                                AND tags.deleted_at IS NULL
                            ORDER BY tags.name_key
                        )
                    )
                ) AS tags,
                (
                    SELECT row_to_json(due) AS row_to_json_2
                    FROM (
                        SELECT
                            coalesce(
                                "old".due_on, CAST(timezone(users.time_zone, "old".due_at) AS DATE)
                            ) AS date,
                            CASE
                                WHEN ("old".due_on IS NULL)
                                THEN to_char(timezone(users.time_zone, "old".due_at), 'HH24:MI')
                            END AS time,
                            to_char(timezone(users.time_zone, "old".due_at), 'FMDay') AS weekday,
                            users.time_zone AS time_zone,
                            "old".due_at AS at
                        FROM users
                        WHERE users.id = $1::BIGINT AND "old".due_at IS NOT NULL
                    ) AS due
                ) AS due,
                "old".repeat AS repeat,
                "old".completed_at IS NOT NULL AS is_completed,
                "old".completed_at AS completed_at,
                "old".created_at AS created_at,
                "old".updated_at AS updated_at,
                "old".deleted_at AS deleted_at,
                (
                    SELECT count(*) AS count_1
                    FROM todos AS child
                    WHERE
                        child.user_id = $1::BIGINT
                        AND child.parent_id = "old".id
                        AND child.completed_at IS NULL
                        AND child.deleted_at IS NULL
                ) AS open_subtasks,
                "old".version AS version
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
                    to_json(
                        array(
                            (
                                SELECT tags.name
                                FROM tags
                                WHERE
                                    tags.user_id = $1::BIGINT
                                    AND tags.id = ANY (next.tag_ids)
                                    AND tags.deleted_at IS NULL
                                ORDER BY tags.name_key
                            )
                        )
                    ) AS tags,
                    (
                        SELECT row_to_json(due) AS row_to_json_4
                        FROM (
                            SELECT
                                coalesce(
                                    revised.due_on,
                                    CAST(timezone(users.time_zone, revised.due_at) AS DATE)
                                ) AS date,
                                CASE
                                    WHEN (revised.due_on IS NULL)
                                    THEN to_char(
                                        timezone(users.time_zone, revised.due_at), 'HH24:MI'
                                    )
                                END AS time,
                                to_char(
                                    timezone(users.time_zone, revised.due_at), 'FMDay'
                                ) AS weekday,
                                users.time_zone AS time_zone,
                                revised.due_at AS at
                            FROM users
                            WHERE users.id = $1::BIGINT AND revised.due_at IS NOT NULL
                        ) AS due
                    ) AS due,
                    revised.repeat AS repeat,
                    revised.completed_at IS NOT NULL AS is_completed,
                    revised.completed_at AS completed_at,
                    revised.created_at AS created_at,
                    revised.updated_at AS updated_at,
                    revised.deleted_at AS deleted_at,
                    (
                        SELECT count(*) AS count_2
                        FROM todos AS child
                        WHERE
                            child.user_id = $1::BIGINT
                            AND child.parent_id = revised.id
                            AND child.completed_at IS NULL
                            AND child.deleted_at IS NULL
                            AND (child.id NOT IN (SELECT sibling.id FROM next AS sibling))
                    ) + (
                        SELECT count(*) AS count_3
                        FROM next AS sibling
                        WHERE
                            revised.id = sibling.parent_id
                            AND sibling.completed_at IS NULL
                            AND sibling.deleted_at IS NULL
                    ) AS open_subtasks,
                    revised.version AS version
            ) AS shaped
        )
    END AS after
FROM wanted
LEFT OUTER JOIN "old" ON "old".n = wanted.n
LEFT OUTER JOIN next ON next.id = "old".id
LEFT OUTER JOIN revised ON revised.id = "old".id
ORDER BY wanted.n
