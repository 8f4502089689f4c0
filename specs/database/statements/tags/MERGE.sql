-- Give every todo that has the tag `id` the tag `into`, too; return the ids of those that had it not, as an array.
--
-- Reads `ix_todo_tags_tag`.
--
-- Parameters:
--   $1 user_id bigint
--   $2 into bigint
--   $3 id bigint
--
-- Columns:
--   coalesce_1 bigint[]

WITH merged AS (
    INSERT INTO todo_tags (user_id, todo_id, tag_id)
    SELECT $1::BIGINT AS user_id, todo_tags.todo_id AS todo_id, $2::BIGINT AS tag_id
    FROM todo_tags
    WHERE todo_tags.user_id = $1::BIGINT AND todo_tags.tag_id = $3::BIGINT
    ON CONFLICT DO NOTHING
    RETURNING todo_tags.todo_id
)
SELECT coalesce(array_agg(merged.todo_id), '{}'::bigint[]) AS coalesce_1
FROM merged
