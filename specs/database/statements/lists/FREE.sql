-- Make lists with `keys` as their name keys, and return those that no other list has, seen or not. To be
-- rolled back.
--
-- Parameters:
--   $1 user_id bigint
--   $2 keys text[]
--
-- Columns:
--   name_key text

WITH tried AS (
    INSERT INTO lists (user_id, name, name_key, position)
    SELECT $1::BIGINT AS user_id, '-', wanted, 0
    FROM unnest($2::TEXT[]) AS wanted
    ON CONFLICT DO NOTHING
    RETURNING lists.name_key
)
SELECT tried.name_key
FROM tried
