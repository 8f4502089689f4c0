-- Find out whether one of the todos with `ids`, or a subtask of theirs, is too deep or below itself.
--
-- Parameters:
--   $1 user_id bigint
--   $2 ids bigint[]
--
-- Columns:
--   is_too_deep boolean

WITH RECURSIVE
    down(id) AS (
        SELECT todos.id AS id
        FROM todos
        WHERE todos.user_id = $1::BIGINT AND todos.id = ANY ($2::BIGINT[])
        UNION
        SELECT child.id AS id
        FROM todos AS child, down
        WHERE child.user_id = $1::BIGINT AND child.parent_id = down.id
    ),
    climb(parent_id, depth) AS (
        SELECT todos.parent_id AS parent_id, 0 AS depth
        FROM todos
        WHERE todos.user_id = $1::BIGINT AND todos.id IN (SELECT down.id FROM down)
        UNION ALL
        SELECT parent.parent_id AS parent_id, climb.depth + 1 AS depth
        FROM todos AS parent, climb
        WHERE parent.user_id = $1::BIGINT AND parent.id = climb.parent_id AND climb.depth <= 5
    )
SELECT EXISTS (SELECT climb.depth FROM climb WHERE climb.depth > 5) AS is_too_deep
