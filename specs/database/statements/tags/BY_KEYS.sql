-- Find live tags by their `keys`, which are `name_key`s. Reads `uq_tags_name`.
--
-- Parameters:
--   $1 user_id bigint
--   $2 keys text[]
--
-- Columns:
--   id bigint
--   name_key text

SELECT tags.id, tags.name_key
FROM tags
WHERE tags.user_id = $1::BIGINT AND tags.name_key = ANY ($2::TEXT[]) AND tags.deleted_at IS NULL
