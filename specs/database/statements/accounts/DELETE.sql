-- Delete the account with an `id`, and by foreign keys all that is in it.
--
-- Parameters:
--   $1 id bigint
--
-- Columns:
--   id bigint

DELETE FROM users
WHERE users.issuer != 'urn:todo-mcp:operator' AND users.id = $1::BIGINT
RETURNING users.id
