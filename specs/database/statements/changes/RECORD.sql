-- Record a change that is about to be committed, and return its id.
--
-- `operation`: its name. `via`: the transport, and the tool if there is one. `client`: the client's name for itself.
-- `token_id`: the API token, if there is one. `undoes`: the change that this one undoes. `entries`: a JSON array of rows
-- with their state before and after.
--
-- Parameters:
--   $1 user_id bigint
--   $2 operation character varying
--   $3 via character varying
--   $4 client character varying
--   $5 token_id bigint
--   $6 undoes bigint
--   $7 entries json
--
-- Columns:
--   id bigint

INSERT INTO changes (user_id, at, operation, via, client, token_id, undoes, entries)
VALUES (
    $1::BIGINT,
    statement_timestamp(),
    $2::VARCHAR,
    $3::VARCHAR,
    $4::VARCHAR,
    $5::BIGINT,
    $6::BIGINT,
    $7::JSON
)
RETURNING changes.id
