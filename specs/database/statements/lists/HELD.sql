-- Find the live todos of the lists with `ids`, list by list, by their places.
--
-- Each row has the place that was chosen last (`place`), and the moment, too, as `now`.
--
-- Parameters:
--   $1 user_id bigint
--   $2 ids bigint[]
--
-- Columns:
--   id bigint
--   list_id bigint
--   place bigint
--   now timestamp with time zone

SELECT
    todos.id,
    todos.list_id,
    coalesce(todos.chosen_place, todos.place) AS place,
    statement_timestamp() AS now
FROM todos
WHERE todos.user_id = $1::BIGINT AND todos.list_id = ANY ($2::BIGINT[]) AND todos.deleted_at IS NULL
ORDER BY array_position($2::BIGINT[], todos.list_id), todos.place, todos.id
