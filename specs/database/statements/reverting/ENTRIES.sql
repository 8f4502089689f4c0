-- Read the rows that the change `id` touched, in its order; no row where there is no such change.
--
-- Columns: `entity` and `id`; `before` and `after`, JSON, `before` null for a row that the change made; and in each row
-- `undone_by`, the change that reverted it. Reads `uq_changes_user_id_id` and `uq_changes_user_id_undoes`.
--
-- Parameters:
--   $1 user_id bigint
--   $2 id bigint
--
-- Columns:
--   undone_by bigint
--   entity text
--   id bigint
--   before json
--   after json

SELECT undo.id AS undone_by, entry.entity, entry.id, entry.before, entry.after
FROM changes
LEFT OUTER JOIN changes AS undo ON undo.user_id = changes.user_id AND undo.undoes = changes.id
JOIN json_to_recordset(changes.entries) AS entry(entity TEXT, id BIGINT, before JSON, after JSON)
    ON true
WHERE changes.user_id = $1::BIGINT AND changes.id = $2::BIGINT
