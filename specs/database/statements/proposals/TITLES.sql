-- Read the titles of the todos with `ids`. Reads `uq_todos_user_id_id`.
--
-- Parameters:
--   $1 user_id bigint
--   $2 ids bigint[]
--
-- Columns:
--   id bigint
--   title text

SELECT todos.id, todos.title
FROM todos
WHERE todos.user_id = $1::BIGINT AND todos.id = ANY ($2::BIGINT[])
