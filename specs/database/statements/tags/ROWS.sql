-- Read the tags with `ids`, as `TagRead`.
--
-- Parameters:
--   $1 user_id bigint
--   $2 ids bigint[]
--
-- Columns:
--   id bigint
--   row json

SELECT
    tags.id,
    (
        SELECT row_to_json(shaped) AS row_to_json_1
        FROM (
            SELECT
                tags.id AS id,
                tags.name AS name,
                (
                    SELECT count(*) AS count_1
                    FROM todo_tags
                    WHERE
                        todo_tags.user_id = $1::BIGINT
                        AND todo_tags.tag_id = tags.id
                        AND (
                            SELECT todos.deleted_at IS NULL AND todos.completed_at IS NULL AS met
                            FROM todos
                            WHERE todos.user_id = $1::BIGINT AND todos.id = todo_tags.todo_id
                        )
                ) AS open_todos,
                (to_json(timezone('UTC', tags.created_at)) #>> '{}') || 'Z' AS created_at,
                (to_json(timezone('UTC', tags.updated_at)) #>> '{}') || 'Z' AS updated_at,
                tags.version AS version
        ) AS shaped
    ) AS row
FROM tags
WHERE tags.user_id = $1::BIGINT AND tags.id = ANY ($2::BIGINT[])
