-- Find live tags by their names, and make those that are not there, for an agent that sees some lists only.
--
-- `names`: as in `ENSURE`. Columns: `is_known`, whether the tag is in one of the agent's lists: any other is told like a
-- new one; `is_new`, whether it was made, for the record of changes.
--
-- Parameters:
--   $1 names jsonb
--
-- Columns:
--   name_key text
--   id bigint
--   is_known boolean
--   is_new boolean

SELECT known.name_key, known.id, known.is_known, known.is_new
FROM ensure_tags($1::JSONB) AS known(name_key, id, is_known, is_new)
