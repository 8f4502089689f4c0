-- Read the distinct days on which todos are due without a time of day.
--
-- Parameters:
--   $1 user_id bigint
--
-- Columns:
--   due_on date

SELECT DISTINCT todos.due_on
FROM todos
WHERE todos.user_id = $1::BIGINT AND todos.due_on IS NOT NULL
