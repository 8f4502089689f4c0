-- Read the newest change, as in `NEWEST`; no row where none is left. Reads `pk_changes`.
--
-- Parameters:
--   $1 user_id bigint
--
-- Columns:
--   newest text

SELECT concat(changes.id, '@', EXTRACT(epoch FROM changes.at)) AS newest
FROM changes
WHERE changes.user_id = $1::BIGINT
ORDER BY changes.id DESC
LIMIT 1
