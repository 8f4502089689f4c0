-- Draw the ids of `count` todos: `ids`, ascending.
--
-- Parameters:
--   $1 count integer
--
-- Columns:
--   ids bigint[]

SELECT coalesce(array_agg(nextval('todos_id_seq')), '{}'::bigint[]) AS ids
FROM generate_series(1, $1::INTEGER) AS each(n)
