-- Take the tag `id` from those of `todos` that have the tag `into` no more: since a merge gave it, they have lost both.
--
-- `todos` are ids. Reads `pk_todo_tags`.
--
-- Parameters:
--   $1 user_id bigint
--   $2 id bigint
--   $3 todos bigint[]
--   $4 into bigint

DELETE FROM todo_tags
WHERE
    todo_tags.user_id = $1::BIGINT
    AND todo_tags.tag_id = $2::BIGINT
    AND todo_tags.todo_id = ANY (
        array(
            (
                SELECT given_back.id
                FROM unnest($3::BIGINT[]) AS given_back(id)
                WHERE (
                    SELECT true AS anon_1
                    FROM todo_tags AS other
                    WHERE
                        other.user_id = $1::BIGINT
                        AND other.todo_id = given_back.id
                        AND other.tag_id = $4::BIGINT
                ) IS NULL
            )
        )
    )
