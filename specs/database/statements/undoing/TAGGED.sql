-- Read which todos and tags the changes `ids` touched.
--
-- Columns: `entity` and `id`; `was_there`, whether one of these changes found it there. Reads `pk_change_entries`.
--
-- Parameters:
--   $1 user_id bigint
--   $2 ids bigint[]
--
-- Columns:
--   entity text
--   id bigint
--   was_there boolean

SELECT
    change_entries.entity,
    change_entries.entity_id AS id,
    bool_or(change_entries.before IS NOT NULL) AS was_there
FROM change_entries
WHERE
    change_entries.user_id = $1::BIGINT
    AND change_entries.change_id = ANY ($2::BIGINT[])
    AND (change_entries.entity = 'todo' OR change_entries.entity = 'tag')
GROUP BY change_entries.entity, change_entries.entity_id
