-- Return those of the todos with `ids` that have no room for another note, as an array.
--
-- Parameters:
--   $1 user_id bigint
--   $2 ids bigint[]
--
-- Columns:
--   array_1 bigint[]

SELECT array(
    (
        SELECT todos.id
        FROM todos
        WHERE
            todos.user_id = $1::BIGINT
            AND todos.id = ANY ($2::BIGINT[])
            AND todos.note_count >= 1000
    )
) AS array_1
