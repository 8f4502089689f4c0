-- Read the rows that the changes `ids` touched, the latest change first, each in its order.
--
-- Columns: `change_id`, `entity` and `id`; `before` and `after`, JSON, `before` null for a row that the change made. Reads
-- `pk_change_entries`.
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
WHERE change_entries.user_id = $1::BIGINT AND change_entries.change_id = ANY ($2::BIGINT[])
ORDER BY change_entries.change_id DESC, change_entries.number
