-- Suspend the account with an `id`, or reactivate it where `suspended` is false; no row if it is so already.
--
-- Parameters:
--   $1 suspended boolean
--   $2 id bigint
--
-- Columns:
--   id bigint

UPDATE users
SET suspended_at=CASE WHEN $1::BOOLEAN THEN statement_timestamp() END
WHERE
    users.issuer != 'urn:todo-mcp:operator'
    AND users.id = $2::BIGINT
    AND (users.suspended_at IS NULL) = $1::BOOLEAN
RETURNING users.id
