-- Read names and versions of the tags with `ids`, deleted or not.
--
-- Parameters:
--   $1 user_id bigint
--   $2 ids bigint[]
--
-- Columns:
--   id bigint
--   name text
--   version integer
--   is_deleted boolean

SELECT tags.id, tags.name, tags.version, tags.deleted_at IS NOT NULL AS is_deleted
FROM tags
WHERE tags.user_id = $1::BIGINT AND tags.id = ANY ($2::BIGINT[])
