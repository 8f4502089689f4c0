-- Read of the rows that `ENTRIES` reads the tags that the changes made. `ids` and the columns: as there.
--
-- Parameters:
--   $1 user_id bigint
--   $2 ids bigint[]
--
-- Columns:
--   change_id bigint
--   entity text
--   id bigint
--   before json
--   after json

SELECT
    change_entries.change_id,
    change_entries.entity,
    change_entries.entity_id AS id,
    change_entries.before,
    change_entries.after
FROM change_entries
WHERE
    change_entries.user_id = $1::BIGINT
    AND change_entries.change_id = ANY ($2::BIGINT[])
    AND change_entries.entity = 'tag'
    AND change_entries.before IS NULL
ORDER BY change_entries.change_id DESC, change_entries.number
