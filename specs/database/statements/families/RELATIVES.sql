-- Read the same todos as `FAMILY` without `row`, which is half of the cost. `ids`: as there.
--
-- Parameters:
--   $1 user_id bigint
--   $2 ids bigint[]
--
-- Columns:
--   id bigint
--   parent_id bigint
--   list_id bigint
--   completed_at timestamp with time zone
--   deleted_at timestamp with time zone
--   version integer
--   place bigint
--   repeats boolean
--   follows_id bigint

WITH RECURSIVE
    up(id, parent_id) AS (
        SELECT todos.id AS id, todos.parent_id AS parent_id
        FROM todos
        WHERE todos.user_id = $1::BIGINT AND todos.id = ANY ($2::BIGINT[])
        UNION
        SELECT parent.id AS id, parent.parent_id AS parent_id
        FROM todos AS parent, up
        WHERE parent.user_id = $1::BIGINT AND parent.id = up.parent_id
    ),
    down(id) AS (
        SELECT todos.id AS id
        FROM todos
        WHERE todos.user_id = $1::BIGINT AND todos.id = ANY ($2::BIGINT[])
        UNION
        SELECT child.id AS id
        FROM todos AS child, down
        WHERE child.user_id = $1::BIGINT AND child.parent_id = down.id
    )
SELECT
    todos.id,
    todos.parent_id,
    todos.list_id,
    todos.completed_at,
    todos.deleted_at,
    todos.version,
    todos.place,
    todos.repeat IS NOT NULL AS repeats,
    todos.follows_id
FROM todos
WHERE
    todos.user_id = $1::BIGINT
    AND todos.id IN (SELECT up.id FROM up UNION SELECT down.id FROM down)
ORDER BY todos.id
