-- Read a digest of the ids of the todos outside the trash that have one of the `tags`, or are in one of the `lists`.
--
-- Columns: `entity` and `id` of the tag or list, and `todos`; no row for one without todos. Reads `ix_todo_tags_tag`.
--
-- Parameters:
--   $1 user_id bigint
--   $2 tags bigint[]
--   $3 lists bigint[]
--
-- Columns:
--   entity text
--   id bigint
--   todos text

SELECT
    'tag' AS entity,
    todo_tags.tag_id AS id,
    md5(string_agg(CAST(todo_tags.todo_id AS TEXT), ',' ORDER BY todo_tags.todo_id)) AS todos
FROM todo_tags
JOIN todos
    ON todos.user_id = $1::BIGINT AND todos.id = todo_tags.todo_id AND todos.deleted_at IS NULL
WHERE todo_tags.user_id = $1::BIGINT AND todo_tags.tag_id = ANY ($2::BIGINT[])
GROUP BY todo_tags.tag_id
UNION ALL
SELECT
    'list',
    todos.list_id,
    md5(string_agg(CAST(todos.id AS TEXT), ',' ORDER BY todos.id)) AS md5_1
FROM todos
WHERE todos.user_id = $1::BIGINT AND todos.deleted_at IS NULL AND todos.list_id = ANY ($3::BIGINT[])
GROUP BY todos.list_id
