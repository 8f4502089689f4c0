-- Give those of `todos`, which are ids, that have the tag `id` the tag `into`, too.
--
-- Returns the ids of those that had it not, as an array. Reads `pk_todo_tags`.
--
-- Parameters:
--   $1 user_id bigint
--   $2 into bigint
--   $3 todos bigint[]
--   $4 id bigint
--
-- Columns:
--   todos bigint[]

WITH merged AS (
    INSERT INTO todo_tags (user_id, todo_id, tag_id)
    SELECT $1::BIGINT AS user_id, merging.id AS id, $2::BIGINT AS tag_id
    FROM unnest($3::BIGINT[]) AS merging(id)
    WHERE (
        SELECT true
        FROM todo_tags
        WHERE
            todo_tags.user_id = $1::BIGINT
            AND todo_tags.todo_id = merging.id
            AND todo_tags.tag_id = $4::BIGINT
    )
    ON CONFLICT DO NOTHING
    RETURNING todo_tags.todo_id
)
SELECT array((SELECT merged.todo_id FROM merged)) AS todos
