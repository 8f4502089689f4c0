-- Rename, delete and restore tags, those that are different from now on.
--
-- `items`: a JSON array of objects with `id`, `name`, `name_key` and `deleted`. `ids`: the same ids, for the index.
-- Columns: `name`, `version` and `was_deleted` before; `new_version` and `after` are null where nothing changed.
--
-- Parameters:
--   $1 user_id bigint
--   $2 ids bigint[]
--   $3 items jsonb
--
-- Columns:
--   id bigint
--   name text
--   version integer
--   was_deleted boolean
--   new_version integer
--   before json
--   after json

WITH
    stored AS (
        SELECT
            tags.id AS id,
            tags.user_id AS user_id,
            tags.name AS name,
            tags.name_key AS name_key,
            tags.deleted_at AS deleted_at,
            tags.created_at AS created_at,
            tags.updated_at AS updated_at,
            tags.version AS version
        FROM tags
        WHERE tags.user_id = $1::BIGINT AND tags.id = ANY ($2::BIGINT[])
        ORDER BY tags.id
        FOR UPDATE
    ),
    revised AS (
        UPDATE tags
        SET
            name=item.name,
            name_key=item.name_key,
            deleted_at=CASE
                WHEN item.deleted THEN coalesce(stored.deleted_at, statement_timestamp())
            END,
            updated_at=statement_timestamp(),
            version=(stored.version + 1)
        FROM
            stored,
            jsonb_to_recordset($3::JSONB) AS item(
                id BIGINT, name TEXT, name_key TEXT, deleted BOOLEAN
            )
        WHERE
            tags.user_id = $1::BIGINT
            AND tags.id = stored.id
            AND stored.id = item.id
            AND (stored.name != item.name OR (stored.deleted_at IS NOT NULL) != item.deleted)
        RETURNING
            tags.id,
            tags.user_id,
            tags.name,
            tags.name_key,
            tags.deleted_at,
            tags.created_at,
            tags.updated_at,
            tags.version
    )
SELECT
    stored.id,
    stored.name,
    stored.version,
    stored.deleted_at IS NOT NULL AS was_deleted,
    revised.version AS new_version,
    (
        SELECT row_to_json(shaped) AS row_to_json_1
        FROM (
            SELECT
                stored.id AS id,
                stored.name AS name,
                (
                    SELECT count(*) AS count_1
                    FROM todo_tags
                    WHERE
                        todo_tags.user_id = $1::BIGINT
                        AND todo_tags.tag_id = stored.id
                        AND (
                            SELECT todos.deleted_at IS NULL AND todos.completed_at IS NULL AS met
                            FROM todos
                            WHERE todos.user_id = $1::BIGINT AND todos.id = todo_tags.todo_id
                        )
                ) AS open_todos,
                (to_json(timezone('UTC', stored.created_at)) #>> '{}') || 'Z' AS created_at,
                (to_json(timezone('UTC', stored.updated_at)) #>> '{}') || 'Z' AS updated_at,
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
                    revised.name AS name,
                    (
                        SELECT count(*) AS count_2
                        FROM todo_tags
                        WHERE
                            todo_tags.user_id = $1::BIGINT
                            AND todo_tags.tag_id = revised.id
                            AND (
                                SELECT todos.deleted_at IS NULL
                                AND todos.completed_at IS NULL AS met
                                FROM todos
                                WHERE todos.user_id = $1::BIGINT AND todos.id = todo_tags.todo_id
                            )
                    ) AS open_todos,
                    (to_json(timezone('UTC', revised.created_at)) #>> '{}') || 'Z' AS created_at,
                    (to_json(timezone('UTC', revised.updated_at)) #>> '{}') || 'Z' AS updated_at,
                    revised.version AS version
            ) AS shaped
        )
    END AS after
FROM stored
LEFT OUTER JOIN revised ON revised.id = stored.id
ORDER BY stored.id
