-- Give the todos with `ids` other places, `places`, which leave their order as it is; nobody chose them.
--
-- So versions and times stay, and the record of changes says nothing; what was chosen is kept, to be compared by an undo.
--
-- Parameters:
--   $1 ids bigint[]
--   $2 places bigint[]
--   $3 user_id bigint

UPDATE todos
SET place="new".place, chosen_place=coalesce(todos.chosen_place, todos.place)
FROM unnest($1::BIGINT[], $2::BIGINT[]) AS "new"(id, place)
WHERE todos.user_id = $3::BIGINT AND todos.id = ANY ($1::BIGINT[]) AND todos.id = "new".id
