-- Find the todos that have the tag `id` and not the tag `into`; return their ids as an array.
--
-- Reads `ix_todo_tags_tag`.
--
-- Parameters:
--   $1 user_id bigint
--   $2 id bigint
--   $3 into bigint
--
-- Columns:
--   todos bigint[]

SELECT array(
    (
        SELECT todo_tags.todo_id
        FROM todo_tags
        WHERE todo_tags.user_id = $1::BIGINT AND todo_tags.tag_id = $2::BIGINT
        EXCEPT
        SELECT todo_tags.todo_id
        FROM todo_tags
        WHERE todo_tags.user_id = $1::BIGINT AND todo_tags.tag_id = $3::BIGINT
    )
) AS todos
