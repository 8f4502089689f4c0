-- Read the rows that the change `id` touched, in its order; no row where there is no such change.
--
-- Columns: `change_id`, `entity` and `id`; `before` and `after`, JSON, `before` null for a row that the change made; and
-- in each row `undone_by`, the change that reverted it. Reads `pk_change_entries` and `pk_undone_changes`.
--
-- Parameters:
--   $1 user_id bigint
--   $2 id bigint
--
-- Columns:
--   undone_by bigint
--   change_id bigint
--   entity text
--   id bigint
--   before json
--   after json

SELECT
    (
        SELECT undone_changes.undone_by
        FROM undone_changes
        WHERE undone_changes.user_id = $1::BIGINT AND undone_changes.change_id = $2::BIGINT
    ) AS undone_by,
    change_entries.change_id,
    change_entries.entity,
    change_entries.entity_id AS id,
    change_entries.before,
    change_entries.after
FROM change_entries
WHERE change_entries.user_id = $1::BIGINT AND change_entries.change_id = $2::BIGINT
ORDER BY change_entries.number
