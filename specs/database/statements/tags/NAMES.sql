-- Read the names of the tags of the todos with `ids`, in alphabetical order; of deleted ones those with the ids `gone`.
--
-- Columns: `id`, of the todo, and `names`. Reads `pk_todo_tags`.
--
-- Parameters:
--   $1 user_id bigint
--   $2 gone bigint[]
--   $3 ids bigint[]
--
-- Columns:
--   id bigint
--   names text[]

SELECT
    given.id,
    array(
        (
            SELECT tags.name
            FROM tags
            WHERE
                tags.user_id = $1::BIGINT
                AND tags.id IN (
                    SELECT todo_tags.tag_id
                    FROM todo_tags
                    WHERE todo_tags.user_id = $1::BIGINT AND todo_tags.todo_id = given.id
                )
                AND (tags.deleted_at IS NULL OR tags.id = ANY ($2::BIGINT[]))
            ORDER BY tags.name_key
        )
    ) AS names
FROM unnest($3::BIGINT[]) AS given(id)
