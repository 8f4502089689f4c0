-- Find a todo that is too deep or below itself, among those with `ids` and their subtasks; null if none is.
--
-- Parameters:
--   $1 user_id bigint
--   $2 ids bigint[]
--
-- Columns:
--   min_1 bigint

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
    climb(id, parent_id, depth) AS (
        SELECT todos.id AS id, todos.parent_id AS parent_id, 0 AS depth
        FROM todos
        WHERE todos.user_id = $1::BIGINT AND todos.id IN (SELECT down.id FROM down)
        UNION ALL
        SELECT climb.id AS id, parent.parent_id AS parent_id, climb.depth + 1 AS depth
        FROM climb, todos AS parent
        WHERE parent.user_id = $1::BIGINT AND parent.id = climb.parent_id AND climb.depth <= 5
    )
SELECT min(climb.id) AS min_1
FROM climb
WHERE climb.depth > 5
