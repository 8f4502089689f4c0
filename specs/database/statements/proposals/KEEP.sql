-- Keep a proposal of the agent `agent_id`, made at the moment `now` in the time zone `said_in`, and return its id.
--
-- `operation` and `call`: what is to be done. `shown`, `effects` and `rows`: what the rehearsal did, as the columns of
-- the table say. `reason`: the agent's words, or null. `via`, `client` and `token_id`: where it comes from.
-- `expires_at`: until when it waits.
--
-- Parameters:
--   $1 user_id bigint
--   $2 agent_id bigint
--   $3 operation character varying
--   $4 call json
--   $5 now timestamp with time zone
--   $6 said_in character varying
--   $7 shown json
--   $8 effects json
--   $9 rows integer
--   $10 reason character varying
--   $11 via character varying
--   $12 client character varying
--   $13 token_id bigint
--   $14 expires_at timestamp with time zone
--
-- Columns:
--   id bigint

WITH kept AS (
    INSERT INTO proposals (
        user_id,
        agent_id,
        operation,
        call,
        said_at,
        said_in,
        shown,
        effects,
        rows,
        reason,
        via,
        client,
        token_id,
        expires_at
    )
    VALUES (
        $1::BIGINT,
        $2::BIGINT,
        $3::VARCHAR,
        $4::JSON,
        $5::TIMESTAMP WITH TIME ZONE,
        $6::VARCHAR,
        $7::JSON,
        $8::JSON,
        $9::INTEGER,
        $10::VARCHAR,
        $11::VARCHAR,
        $12::VARCHAR,
        $13::BIGINT,
        $14::TIMESTAMP WITH TIME ZONE
    )
    RETURNING
        proposals.user_id,
        proposals.id,
        proposals.agent_id,
        proposals.operation,
        proposals.call,
        proposals.said_at,
        proposals.said_in,
        proposals.shown,
        proposals.effects,
        proposals.rows,
        proposals.reason,
        proposals.via,
        proposals.client,
        proposals.token_id,
        proposals.expires_at,
        proposals.decision,
        proposals.decided_at,
        proposals.decided_by,
        proposals.note,
        proposals.change_id
)
SELECT kept.id
FROM kept
