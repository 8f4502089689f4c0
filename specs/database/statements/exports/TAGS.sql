-- Read every live tag as `ExportedTag`.
--
-- Parameters:
--   $1 user_id bigint
--
-- Columns:
--   row json

SELECT (
    SELECT row_to_json(shaped) AS row_to_json_1
    FROM (
        SELECT
            tags.name AS name,
            (to_json(timezone('UTC', tags.created_at)) #>> '{}') || 'Z' AS created_at,
            (to_json(timezone('UTC', tags.updated_at)) #>> '{}') || 'Z' AS updated_at
    ) AS shaped
) AS row
FROM tags
WHERE tags.user_id = $1::BIGINT AND tags.deleted_at IS NULL
ORDER BY tags.name_key
