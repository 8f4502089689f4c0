-- Read the next `count` subtasks after a `place` below the todo `group`. Reads `ix_todos_parent`.
--
-- Parameters:
--   $1 user_id bigint
--   $2 group bigint
--   $3 place bigint
--   $4 count integer
--
-- Columns:
--   id bigint
--   list_id bigint
--   parent_id bigint
--   place bigint
--   chosen_place bigint
--   deleted_at timestamp with time zone

SELECT todos.id, todos.list_id, todos.parent_id, todos.place, todos.chosen_place, todos.deleted_at
FROM todos
WHERE todos.user_id = $1::BIGINT AND todos.parent_id = $2::BIGINT AND todos.place > $3::BIGINT
ORDER BY todos.place
LIMIT $4::INTEGER
