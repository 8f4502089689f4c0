-- Read every list as `ExportedList`, deleted ones too and last.
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
            lists.id AS id,
            lists.name AS name,
            lists.colour AS color,
            lists.is_inbox AS is_inbox,
            (to_json(timezone('UTC', lists.archived_at)) #>> '{}') || 'Z' AS archived_at,
            (to_json(timezone('UTC', lists.deleted_at)) #>> '{}') || 'Z' AS deleted_at,
            (to_json(timezone('UTC', lists.created_at)) #>> '{}') || 'Z' AS created_at,
            (to_json(timezone('UTC', lists.updated_at)) #>> '{}') || 'Z' AS updated_at
    ) AS shaped
) AS row
FROM lists
WHERE lists.user_id = $1::BIGINT
ORDER BY lists.deleted_at IS NOT NULL, lists.position, lists.id
