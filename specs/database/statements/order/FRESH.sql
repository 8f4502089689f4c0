-- Draw `count` numbers that are higher than the id of any todo: `numbers`, an array in their order.
--
-- `comes_first`: whether what is added comes first, by the profile.
--
-- Parameters:
--   $1 count integer
--   $2 user_id bigint
--
-- Columns:
--   numbers bigint[]
--   comes_first boolean

SELECT
    array(
        (SELECT nextval('todos_id_seq') AS nextval_1 FROM generate_series(1, $1::INTEGER))
    ) AS numbers,
    users.new_todos = 'first' AS comes_first
FROM users
WHERE users.id = $2::BIGINT
