-- Delete tags that were deleted longer than `age` ago, with what is left of their links.
--
-- Parameters:
--   $1 age interval
--
-- Columns:
--   id bigint

DELETE FROM tags WHERE tags.deleted_at < now() - $1::INTERVAL RETURNING tags.id
