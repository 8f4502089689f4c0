-- Move the todos with `todo_ids`, which are live, to the list `move_to`, or to the trash if that is null.
--
-- `now`: the moment to set. Columns: the new `version`; the fields that changed (`after`), as JSON.
-- Reads `uq_todos_user_id_id`.
--
-- Parameters:
--   $1 move_to bigint
--   $2 now timestamp with time zone
--   $3 user_id bigint
--   $4 todo_ids bigint[]
--
-- Columns:
--   id bigint
--   version integer
--   after json

UPDATE todos
SET
    deleted_at=CASE WHEN ($1::BIGINT IS NULL) THEN $2::TIMESTAMP WITH TIME ZONE END,
    updated_at=$2::TIMESTAMP WITH TIME ZONE,
    version=(todos.version + 1),
    list_id=coalesce($1::BIGINT, todos.list_id)
WHERE todos.user_id = $3::BIGINT AND todos.id = ANY ($4::BIGINT[])
RETURNING
    todos.id,
    todos.version,
    json_build_object(
        'list_id', todos.list_id, 'deleted_at', todos.deleted_at, 'version', todos.version
    ) AS after
