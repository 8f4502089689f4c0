-- Find one of the todos with `ids` that contradicts its list, its parent or a subtask.
--
-- A live todo is in a live list; it is in its live parent's list and never below a parent in the trash; an open todo is
-- never below one that is done. Columns: `id`; what it contradicts, in `entity` (`list` or `todo`) and `other_id`. Reads
-- `uq_todos_user_id_id` and `ix_todos_parent`.
--
-- Parameters:
--   $1 user_id bigint
--   $2 ids bigint[]
--
-- Columns:
--   id bigint
--   entity text
--   other_id bigint

SELECT todos.id, 'list' AS entity, todos.list_id AS other_id
FROM todos
WHERE
    todos.user_id = $1::BIGINT
    AND todos.id = ANY ($2::BIGINT[])
    AND CASE
        WHEN (todos.deleted_at IS NULL)
        THEN todos.list_id = ANY (
            array(
                (
                    SELECT lists.id
                    FROM lists
                    WHERE lists.user_id = $1::BIGINT AND lists.deleted_at IS NOT NULL
                )
            )
        )
        ELSE false
    END
UNION ALL
SELECT child.id, 'todo' AS entity, child.parent_id AS other_id
FROM todos AS child
WHERE
    child.user_id = $1::BIGINT
    AND child.id = ANY ($2::BIGINT[])
    AND CASE
        WHEN (child.deleted_at IS NULL)
        THEN (
            SELECT parent.deleted_at IS NOT NULL
            OR parent.list_id != child.list_id
            OR parent.completed_at IS NOT NULL AND child.completed_at IS NULL AS is_no_place
            FROM todos AS parent
            WHERE parent.user_id = $1::BIGINT AND parent.id = child.parent_id
        )
        ELSE false
    END
UNION ALL
SELECT child.parent_id AS id, 'todo' AS entity, child.id AS other_id
FROM todos AS child
WHERE
    child.user_id = $1::BIGINT
    AND child.parent_id = ANY ($2::BIGINT[])
    AND CASE
        WHEN (child.deleted_at IS NULL)
        THEN (
            SELECT parent.deleted_at IS NOT NULL
            OR parent.list_id != child.list_id
            OR parent.completed_at IS NOT NULL AND child.completed_at IS NULL AS is_no_place
            FROM todos AS parent
            WHERE parent.user_id = $1::BIGINT AND parent.id = child.parent_id
        )
        ELSE false
    END
LIMIT 1
