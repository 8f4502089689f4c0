-- Give the agent of the API token `old` the token `new`: it stays the same agent.
--
-- Parameters:
--   $1 new character varying
--   $2 user_id bigint
--   $3 old character varying

UPDATE agents
SET known_as=$1::VARCHAR, updated_at=statement_timestamp()
WHERE agents.user_id = $2::BIGINT AND agents.kind = 'token' AND agents.known_as = $3::VARCHAR
