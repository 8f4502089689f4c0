-- Find the todos that have one of `keys`, the trash too. Reads `uq_todos_key`.
--
-- Parameters:
--   $1 user_id bigint
--   $2 keys text[]
--
-- Columns:
--   id bigint
--   key text
--   list_id bigint
--   is_trashed boolean
--   is_done boolean

SELECT
    todos.id,
    todos.key,
    todos.list_id,
    todos.deleted_at IS NOT NULL AS is_trashed,
    todos.completed_at IS NOT NULL AS is_done
FROM todos
WHERE todos.user_id = $1::BIGINT AND todos.key = ANY ($2::TEXT[])
