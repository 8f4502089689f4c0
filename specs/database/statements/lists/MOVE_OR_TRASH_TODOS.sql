-- Move the todos with `todo_ids`, which are live, to the list `move_to`, or to the trash if that is null.
--
-- `places`: for each its place there, or null: it keeps the one that it has. `now`: the moment to set.
-- Columns: the new `version`; the fields that changed (`after`), as JSON.
-- Reads `uq_todos_user_id_id`.
--
-- Parameters:
--   $1 move_to bigint
--   $2 now timestamp with time zone
--   $3 todo_ids bigint[]
--   $4 places bigint[]
--   $5 user_id bigint
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
    list_id=coalesce($1::BIGINT, todos.list_id),
    place=coalesce(arrival.place, todos.place),
    chosen_place=CASE WHEN (arrival.place IS NULL) THEN todos.chosen_place END
FROM unnest($3::BIGINT[], $4::BIGINT[]) AS arrival(id, place)
WHERE todos.user_id = $5::BIGINT AND todos.id = ANY ($3::BIGINT[]) AND todos.id = arrival.id
RETURNING
    todos.id,
    todos.version,
    json_build_object(
        'list_id',
        todos.list_id,
        'deleted_at',
        (to_json(timezone('UTC', todos.deleted_at)) #>> '{}') || 'Z',
        'version',
        todos.version
    ) AS after
