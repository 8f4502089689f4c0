-- Make lists, in the order of `n`, and return their ids in the same order.
--
-- `items`: a JSON array of objects with `n`, `name`, `name_key`, `colour` and `position`.
--
-- Parameters:
--   $1 user_id bigint
--   $2 items jsonb
--
-- Columns:
--   id bigint

WITH "new" AS (
    INSERT INTO lists (user_id, name, name_key, colour, position)
    SELECT
        $1::BIGINT AS anon_1,
        anon_2.name AS name,
        anon_2.name_key AS name_key,
        anon_2.colour AS colour,
        anon_2.position AS position
    FROM jsonb_to_recordset($2::JSONB) AS anon_2(
        n INTEGER,
        id BIGINT,
        name TEXT,
        name_key TEXT,
        colour TEXT,
        position NUMERIC,
        is_archived BOOLEAN,
        is_deleted BOOLEAN
    )
    ORDER BY anon_2.n
    RETURNING lists.id
)
SELECT "new".id
FROM "new"
ORDER BY "new".id
