-- Delete those of the todos with `ids` that have been in the trash since before `before`, and count them.
--
-- Reads `pk_todos`.
--
-- Parameters:
--   $1 ids bigint[]
--   $2 before timestamp with time zone
--
-- Columns:
--   count_1 bigint

WITH purged AS (
    DELETE FROM todos
    WHERE todos.id = ANY ($1::BIGINT[]) AND todos.deleted_at < $2::TIMESTAMP WITH TIME ZONE
    RETURNING todos.id
)
SELECT count(*) AS count_1
FROM purged
