-- Find those of the todos with `ids` that the user has, the trash too; columns as in `KEYED`.
--
-- Reads `uq_todos_user_id_id`.
--
-- Parameters:
--   $1 user_id bigint
--   $2 ids bigint[]
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
WHERE todos.user_id = $1::BIGINT AND todos.id = ANY ($2::BIGINT[])
