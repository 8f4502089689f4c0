-- Delete those of the lists with `ids` that were deleted before `before`, and count them; they are empty by now.
--
-- Parameters:
--   $1 ids bigint[]
--   $2 before timestamp with time zone
--
-- Columns:
--   count_1 bigint

WITH purged AS (
    DELETE FROM lists
    WHERE lists.id = ANY ($1::BIGINT[]) AND lists.deleted_at < $2::TIMESTAMP WITH TIME ZONE
    RETURNING lists.id
)
SELECT count(*) AS count_1
FROM purged
