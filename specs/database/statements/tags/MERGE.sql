-- Give those of `todos`, which are ids, that have the tag `id` the tag `into`, too.
--
-- Returns the ids of those that had it not, as an array. Reads `pk_todo_tags`.
--
-- Parameters:
--   $1 user_id bigint
--   $2 into bigint
--   $3 id bigint
--   $4 todos bigint[]
--
-- Columns:
--   todos bigint[]

WITH merged AS (
    INSERT INTO todo_tags (user_id, todo_id, list_id, tag_id)
    SELECT $1::BIGINT AS user_id, linked.id AS id, linked.list_id AS list_id, $2::BIGINT AS tag_id
    FROM (
        SELECT
            merging.id AS id,
            (
                SELECT todo_tags.list_id
                FROM todo_tags
                WHERE
                    todo_tags.user_id = $1::BIGINT
                    AND todo_tags.todo_id = merging.id
                    AND todo_tags.tag_id = $3::BIGINT
            ) AS list_id
        FROM unnest($4::BIGINT[]) AS merging(id)
        LIMIT ALL
        OFFSET 0
    ) AS linked
    WHERE linked.list_id IS NOT NULL
    ON CONFLICT DO NOTHING
    RETURNING todo_tags.todo_id
)
SELECT array((SELECT merged.todo_id FROM merged)) AS todos
