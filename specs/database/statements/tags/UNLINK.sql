-- Take the tag `into` from `todos`, which are ids: what a merge gave them.
--
-- Parameters:
--   $1 user_id bigint
--   $2 into bigint
--   $3 todos bigint[]

DELETE FROM todo_tags
WHERE
    todo_tags.user_id = $1::BIGINT
    AND todo_tags.tag_id = $2::BIGINT
    AND todo_tags.todo_id = ANY ($3::BIGINT[])
