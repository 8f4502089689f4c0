-- Find tags that were deleted before the moment `before`, at most `limit`; return an array of ids.
--
-- Parameters:
--   $1 before timestamp with time zone
--   $2 limit integer
--
-- Columns:
--   ids bigint[]

SELECT array(
    (
        SELECT tags.id
        FROM tags
        WHERE tags.deleted_at < $1::TIMESTAMP WITH TIME ZONE
        LIMIT $2::INTEGER
    )
) AS ids
