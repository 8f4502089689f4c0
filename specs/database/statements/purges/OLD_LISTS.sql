-- Find lists that were deleted before the moment `before`, at most `limit`; return an array of ids.
--
-- Parameters:
--   $1 before timestamp with time zone
--   $2 limit integer
--
-- Columns:
--   ids bigint[]

SELECT array(
    (
        SELECT lists.id
        FROM lists
        WHERE lists.deleted_at < $1::TIMESTAMP WITH TIME ZONE
        LIMIT $2::INTEGER
    )
) AS ids
