-- Delete those of the tags with `ids` that were deleted before `before`, with their links, and count them.
--
-- Parameters:
--   $1 ids bigint[]
--   $2 before timestamp with time zone
--
-- Columns:
--   count_1 bigint

WITH purged AS (
    DELETE FROM tags
    WHERE tags.id = ANY ($1::BIGINT[]) AND tags.deleted_at < $2::TIMESTAMP WITH TIME ZONE
    RETURNING tags.id
)
SELECT count(*) AS count_1
FROM purged
