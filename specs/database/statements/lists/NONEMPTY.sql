-- Find the first of the lists with `ids` that has todos outside the trash: its `id`, and the newest of these
-- (`todo_id`).
--
-- Parameters:
--   $1 user_id bigint
--   $2 ids bigint[]
--
-- Columns:
--   id bigint
--   todo_id bigint

SELECT
    lists.id,
    (
        SELECT todos.id
        FROM todos
        WHERE todos.user_id = $1::BIGINT AND todos.list_id = lists.id AND todos.deleted_at IS NULL
        ORDER BY todos.id DESC
        LIMIT 1
    ) AS todo_id
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
