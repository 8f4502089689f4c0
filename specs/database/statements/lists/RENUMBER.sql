-- Give the lists with `ids` other positions, which leave their order as it is: so neither version nor time changes.
--
-- `items`: a JSON array of objects with `id`, `position` and `chosen_position`.
--
-- Parameters:
--   $1 items jsonb
--   $2 user_id bigint
--   $3 ids bigint[]

UPDATE lists
SET position=item.position, chosen_position=item.chosen_position
FROM jsonb_to_recordset($1::JSONB) AS item(
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
WHERE lists.user_id = $2::BIGINT AND lists.id = ANY ($3::BIGINT[]) AND lists.id = item.id
