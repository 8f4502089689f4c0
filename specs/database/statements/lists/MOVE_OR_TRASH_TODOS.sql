-- Move every live todo of the lists with `ids` to the list `move_to`, or to the trash if that is null.
--
-- Columns: the fields that changed, as JSON, `before` and `after`.
--
-- Parameters:
--   $1 move_to bigint
--   $2 user_id bigint
--   $3 ids bigint[]
--
-- Columns:
--   id bigint
--   before json
--   after json

WITH
    "old" AS (
        SELECT todos.id AS id, todos.list_id AS list_id, todos.version AS version
        FROM todos
        WHERE
            todos.user_id = $2::BIGINT
            AND todos.list_id = ANY ($3::BIGINT[])
            AND todos.deleted_at IS NULL
        FOR UPDATE
    ),
    emptied AS (
        UPDATE todos
        SET
            deleted_at=CASE WHEN ($1::BIGINT IS NULL) THEN statement_timestamp() END,
            updated_at=statement_timestamp(),
            version=(todos.version + 1),
            list_id=coalesce($1::BIGINT, "old".list_id)
        FROM "old"
        WHERE todos.user_id = $2::BIGINT AND todos.id = "old".id
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
    emptied.id,
    json_build_object(
        'list_id', "old".list_id, 'deleted_at', NULL::timestamptz, 'version', "old".version
    ) AS before,
    json_build_object(
        'list_id', emptied.list_id, 'deleted_at', emptied.deleted_at, 'version', emptied.version
    ) AS after
FROM emptied
JOIN "old" ON "old".id = emptied.id
ORDER BY emptied.id
