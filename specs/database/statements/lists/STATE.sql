-- Read the columns of every list of the user that a write compares, deleted lists too, in order.
--
-- Parameters:
--   $1 user_id bigint
--
-- Columns:
--   id bigint
--   name text
--   name_key text
--   colour text
--   position numeric
--   chosen_position numeric
--   is_inbox boolean
--   is_archived boolean
--   archived_at timestamp with time zone
--   is_deleted boolean
--   version integer

SELECT
    lists.id,
    lists.name,
    lists.name_key,
    lists.colour,
    lists.position,
    lists.chosen_position,
    lists.is_inbox,
    lists.archived_at IS NOT NULL AS is_archived,
    lists.archived_at,
    lists.deleted_at IS NOT NULL AS is_deleted,
    lists.version
FROM lists
WHERE lists.user_id = $1::BIGINT
ORDER BY lists.position, lists.id
