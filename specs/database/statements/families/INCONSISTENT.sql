-- Find one of the todos with `ids` that contradicts its list, its parent or a subtask.
--
-- A live todo is in a live list; it is in its live parent's list and never below a parent in the trash; an open todo is
-- never below one that is done.
--
-- Parameters:
--   $1 user_id bigint
--   $2 ids bigint[]
--
-- Columns:
--   id bigint

SELECT todos.id
FROM todos
JOIN lists ON lists.user_id = $1::BIGINT AND lists.id = todos.list_id
LEFT OUTER JOIN todos AS other
    ON other.user_id = $1::BIGINT AND (other.id = todos.parent_id OR other.parent_id = todos.id)
WHERE
    todos.user_id = $1::BIGINT
    AND todos.id = ANY ($2::BIGINT[])
    AND (
        todos.deleted_at IS NULL AND lists.deleted_at IS NOT NULL
        OR other.list_id != todos.list_id AND todos.deleted_at IS NULL AND other.deleted_at IS NULL
        OR other.id = todos.parent_id AND todos.deleted_at IS NULL AND other.deleted_at IS NOT NULL
        OR other.parent_id = todos.id AND other.deleted_at IS NULL AND todos.deleted_at IS NOT NULL
        OR other.id = todos.parent_id
            AND todos.deleted_at IS NULL
            AND todos.completed_at IS NULL
            AND other.completed_at IS NOT NULL
        OR other.parent_id = todos.id
            AND other.deleted_at IS NULL
            AND other.completed_at IS NULL
            AND todos.completed_at IS NOT NULL
    )
LIMIT 1
