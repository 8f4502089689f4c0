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

WITH added AS (
    INSERT INTO lists (user_id, name, name_key, colour, position)
    SELECT
        $1::BIGINT AS user_id,
        item.name AS name,
        item.name_key AS name_key,
        item.colour AS colour,
        item.position AS position
    FROM jsonb_to_recordset($2::JSONB) AS item(
        n INTEGER,
        id BIGINT,
        name TEXT,
        name_key TEXT,
        colour TEXT,
        position NUMERIC,
        chosen_position NUMERIC,
        is_archived BOOLEAN,
        archived_at TIMESTAMP WITH TIME ZONE,
        is_deleted BOOLEAN
    )
    ORDER BY item.n
    RETURNING lists.id
)
SELECT added.id
FROM added
ORDER BY added.id
