-- Read the id of the latest change; null if there is none. Reads `pk_changes`.
--
-- Parameters:
--   $1 user_id bigint
--
-- Columns:
--   max_1 bigint

SELECT max(changes.id) AS max_1 FROM changes WHERE changes.user_id = $1::BIGINT
