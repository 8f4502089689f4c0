-- Count the todos that the undo of the change `id` moves to the trash: what it made, and what it took out of there.
--
-- Reads `pk_change_entries`.
--
-- Parameters:
--   $1 user_id bigint
--   $2 id bigint
--
-- Columns:
--   count_1 bigint

SELECT count(*) AS count_1
FROM change_entries
WHERE
    change_entries.user_id = $1::BIGINT
    AND change_entries.change_id = $2::BIGINT
    AND change_entries.entity = 'todo'
    AND (
        change_entries.before IS NULL
        OR (change_entries.before ->> 'deleted_at') IS NOT NULL
            AND (change_entries.after ->> 'deleted_at') IS NULL
    )
