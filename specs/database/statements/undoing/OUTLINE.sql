-- Read which rows the changes `ids` touched, the latest change first.
--
-- Columns: `change_id`, `entity` and `id`; `is_new`, whether the change made the row; `is_moved`, whether it gave it
-- another place among its siblings. Reads `pk_change_entries`.
--
-- Parameters:
--   $1 user_id bigint
--   $2 ids bigint[]
--
-- Columns:
--   change_id bigint
--   entity text
--   id bigint
--   is_new boolean
--   is_moved boolean

SELECT
    change_entries.change_id,
    change_entries.entity,
    change_entries.entity_id AS id,
    change_entries.before IS NULL AS is_new,
    (change_entries.before ->> 'place') IS NOT NULL
    AND (change_entries.before ->> 'place') IS DISTINCT FROM (
        change_entries.after ->> 'place'
    ) AS is_moved
FROM change_entries
WHERE change_entries.user_id = $1::BIGINT AND change_entries.change_id = ANY ($2::BIGINT[])
ORDER BY change_entries.change_id DESC, change_entries.number
