-- Say of todos with `ids` that were just made which todo each follows.
--
-- `items`: a JSON array of objects with `id` and `follows_id`: todos that were made after them. Reads
-- `uq_todos_user_id_id`.
--
-- Parameters:
--   $1 items jsonb
--   $2 user_id bigint
--   $3 ids bigint[]

UPDATE todos
SET follows_id=item.follows_id
FROM jsonb_to_recordset($1::JSONB) AS item(id BIGINT, follows_id BIGINT)
WHERE todos.user_id = $2::BIGINT AND todos.id = ANY ($3::BIGINT[]) AND todos.id = item.id
