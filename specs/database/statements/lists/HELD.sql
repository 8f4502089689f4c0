-- Find the live todos of the lists with `ids`; each row has the moment, too, as `now`.
--
-- Parameters:
--   $1 user_id bigint
--   $2 ids bigint[]
--
-- Columns:
--   id bigint
--   list_id bigint
--   now timestamp with time zone

SELECT todos.id, todos.list_id, statement_timestamp() AS now
FROM todos
WHERE todos.user_id = $1::BIGINT AND todos.list_id = ANY ($2::BIGINT[]) AND todos.deleted_at IS NULL
ORDER BY todos.id
