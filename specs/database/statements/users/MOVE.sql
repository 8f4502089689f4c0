-- Set the moment by which the todos with `ids` are due, of each that of `moments`, a JSON object by id.
--
-- They stay due on the same day at the same wall-clock time, so their versions stay. Reads `uq_todos_user_id_id`.
--
-- Parameters:
--   $1 moments jsonb
--   $2 user_id bigint
--   $3 ids bigint[]

UPDATE todos
SET due_at=CAST($1::JSONB ->> CAST(todos.id AS TEXT) AS TIMESTAMP WITH TIME ZONE)
WHERE todos.user_id = $2::BIGINT AND todos.id = ANY ($3::BIGINT[])
