-- Delete lists that were deleted longer than `age` ago; they are empty by now.
--
-- Parameters:
--   $1 age interval
--
-- Columns:
--   id bigint

DELETE FROM lists WHERE lists.deleted_at < now() - $1::INTERVAL RETURNING lists.id
