-- Find todos that were moved to the trash before the moment `before`, at most `limit`; return an array of ids.
--
-- Reads `ix_todos_trashed`.
--
-- Parameters:
--   $1 before timestamp with time zone
--   $2 limit integer
--
-- Columns:
--   ids bigint[]

SELECT array(
    (
        SELECT todos.id
        FROM todos
        WHERE todos.deleted_at < $1::TIMESTAMP WITH TIME ZONE
        LIMIT $2::INTEGER
    )
) AS ids
