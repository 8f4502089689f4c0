-- Store that the API token with a `hash` is used now.
--
-- Parameters:
--   $1 hash bytea

UPDATE api_tokens SET last_used_at=now() WHERE api_tokens.hash = $1::BYTEA
