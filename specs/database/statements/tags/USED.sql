-- Find which of the tags with `ids` are on a todo outside the trash.
--
-- Parameters:
--   $1 user_id bigint
--   $2 ids bigint[]
--
-- Columns:
--   id bigint

SELECT tags.id
FROM tags
WHERE
    tags.user_id = $1::BIGINT
    AND tags.id = ANY ($2::BIGINT[])
    AND (
        EXISTS (
            SELECT todo_tags.todo_id
            FROM todo_tags
            WHERE
                todo_tags.user_id = $1::BIGINT
                AND todo_tags.tag_id = tags.id
                AND (
                    SELECT todos.deleted_at IS NULL AS met
                    FROM todos
                    WHERE todos.user_id = $1::BIGINT AND todos.id = todo_tags.todo_id
                )
        )
    )
