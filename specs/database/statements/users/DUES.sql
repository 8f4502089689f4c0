-- Read the dues of all todos, and which of these are open.
--
-- Parameters:
--   $1 user_id bigint
--
-- Columns:
--   id bigint
--   due_date date
--   due_time time without time zone
--   due_at timestamp with time zone
--   is_open boolean

SELECT
    todos.id,
    todos.due_date,
    todos.due_time,
    todos.due_at,
    todos.deleted_at IS NULL AND todos.completed_at IS NULL AS is_open
FROM todos
WHERE todos.user_id = $1::BIGINT AND todos.due_at IS NOT NULL
