-- Read the names of the lists of a user `owner` that an address shows.
--
-- Parameters:
--   $1 owner bigint
--
-- Columns:
--   id bigint
--   name text

SELECT lists.id, lists.name FROM lists WHERE lists.user_id = $1::BIGINT AND lists.deleted_at IS NULL
