-- Delete todos that have been in the trash longer than `age`, at most `chunk` of them. Reads `ix_todos_trashed`.
--
-- Parameters:
--   $1 age interval
--   $2 chunk integer
--
-- Columns:
--   id bigint

DELETE FROM todos
WHERE todos.id IN (
    SELECT todos.id FROM todos WHERE todos.deleted_at < now() - $1::INTERVAL LIMIT $2::INTEGER
)
RETURNING todos.id
