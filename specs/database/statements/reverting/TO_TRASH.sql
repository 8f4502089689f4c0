-- Count the todos that the undo of the changes `ids` moves to the trash: what they made, and what they took out of
-- there; not what a later one of them has put back into it.
--
-- Reads `pk_change_entries`.
--
-- Parameters:
--   $1 user_id bigint
--   $2 ids bigint[]
--
-- Columns:
--   count_1 bigint

SELECT count(*) AS count_1
FROM (
    SELECT
        array_agg(
            change_entries.before IS NULL OR (change_entries.before ->> 'deleted_at') IS NOT NULL
            ORDER BY change_entries.change_id
        ) AS away,
        array_agg(
            (change_entries.after ->> 'deleted_at') IS NULL ORDER BY change_entries.change_id DESC
        ) AS there
    FROM change_entries
    WHERE
        change_entries.user_id = $1::BIGINT
        AND change_entries.change_id = ANY ($2::BIGINT[])
        AND change_entries.entity = 'todo'
        AND (
            change_entries.before IS NULL
            OR (change_entries.before ->> 'deleted_at') IS DISTINCT FROM (
                change_entries.after ->> 'deleted_at'
            )
        )
    GROUP BY change_entries.entity_id
) AS moved
WHERE moved.away[1] AND moved.there[1]
