-- Find the first of the lists with `ids` that has todos outside the trash.
--
-- Parameters:
--   $1 user_id bigint
--   $2 ids bigint[]
--
-- Columns:
--   id bigint

SELECT lists.id
FROM lists
WHERE
    lists.user_id = $1::BIGINT
    AND lists.id = ANY ($2::BIGINT[])
    AND (
        EXISTS (
            SELECT todos.id
            FROM todos
            WHERE
                todos.user_id = $1::BIGINT
                AND todos.list_id = lists.id
                AND todos.deleted_at IS NULL
        )
    )
ORDER BY lists.id
LIMIT 1
