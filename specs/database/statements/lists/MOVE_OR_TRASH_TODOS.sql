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
    stored AS (
        SELECT todos.id AS id, todos.list_id AS list_id, todos.version AS version
        FROM todos
        WHERE
            todos.user_id = $2::BIGINT
            AND todos.list_id = ANY ($3::BIGINT[])
            AND todos.deleted_at IS NULL
        FOR UPDATE
    ),
    changed AS (
        UPDATE todos
        SET
            deleted_at=CASE WHEN ($1::BIGINT IS NULL) THEN statement_timestamp() END,
            updated_at=statement_timestamp(),
            version=(todos.version + 1),
            list_id=coalesce($1::BIGINT, stored.list_id)
        FROM stored
        WHERE todos.user_id = $2::BIGINT AND todos.id = stored.id
        RETURNING todos.id, todos.list_id, todos.deleted_at, todos.version
    )
SELECT
    changed.id,
    json_build_object(
        'list_id', stored.list_id, 'deleted_at', NULL::timestamptz, 'version', stored.version
    ) AS before,
    json_build_object(
        'list_id', changed.list_id, 'deleted_at', changed.deleted_at, 'version', changed.version
    ) AS after
FROM changed
JOIN stored ON stored.id = changed.id
ORDER BY changed.id
