-- Record a change as `RECORD_UNDO` does, which was proposed: `proposal_id` and `approved_by`, as in `RECORD_APPROVED`.
--
-- `undoes`, `all_undone`, `operation`, `via`, `client`, `token_id`, `agent_id`, `request_id`, `entities`, `entity_ids`,
-- `befores` and `afters`: as there.
--
-- Parameters:
--   $1 user_id bigint
--   $2 entities character varying
--   $3 entity_ids character varying
--   $4 befores character varying
--   $5 afters character varying
--   $6 operation character varying
--   $7 via character varying
--   $8 client character varying
--   $9 token_id bigint
--   $10 undoes bigint
--   $11 agent_id bigint
--   $12 request_id character varying
--   $13 proposal_id bigint
--   $14 approved_by character varying
--   $15 all_undone bigint[]
--
-- Columns:
--   id bigint
--   is_followed boolean

WITH
    recorded AS (
        INSERT INTO changes (
            user_id,
            at,
            operation,
            via,
            client,
            token_id,
            undoes,
            agent_id,
            request_id,
            proposal_id,
            approved_by
        )
        VALUES (
            $1::BIGINT,
            statement_timestamp(),
            $6::VARCHAR,
            $7::VARCHAR,
            $8::VARCHAR,
            $9::BIGINT,
            $10::BIGINT,
            $11::BIGINT,
            $12::VARCHAR,
            $13::BIGINT,
            $14::VARCHAR
        )
        RETURNING changes.id
    ),
    entries AS (
        INSERT INTO change_entries (
            user_id, change_id, number, entity, entity_id, list_before, list_after, before, after
        )
        SELECT
            $1::BIGINT AS user_id,
            recorded.id AS change_id,
            0 + touched.n AS number,
            touched.entity AS entity,
            CAST(touched.entity_id AS BIGINT) AS entity_id,
            CASE
                WHEN (touched.entity = 'todo')
                THEN CAST(CAST(touched.before AS JSON) ->> 'list_id' AS BIGINT)
                WHEN (touched.entity = 'list' AND CAST(touched.before AS JSON) IS NOT NULL)
                THEN CAST(touched.entity_id AS BIGINT)
            END AS list_before,
            CASE
                WHEN (touched.entity = 'todo')
                THEN CAST(CAST(touched.after AS JSON) ->> 'list_id' AS BIGINT)
                WHEN (touched.entity = 'list' AND CAST(touched.after AS JSON) IS NOT NULL)
                THEN CAST(touched.entity_id AS BIGINT)
            END AS list_after,
            CAST(touched.before AS JSON) AS before,
            CAST(touched.after AS JSON) AS after
        FROM unnest(
            string_to_array($2::VARCHAR, chr(30), ''),
            string_to_array($3::VARCHAR, chr(30), ''),
            string_to_array($4::VARCHAR, chr(30), ''),
            string_to_array($5::VARCHAR, chr(30), '')
        ) WITH ORDINALITY AS touched(entity, entity_id, before, after, n)
        JOIN recorded ON true
    ),
    undone AS (
        INSERT INTO undone_changes (user_id, change_id, undone_by)
        SELECT $1::BIGINT AS user_id, unnest($15::BIGINT[]) AS change_id, recorded.id AS undone_by
        FROM recorded
    )
SELECT
    recorded.id,
    CASE
        WHEN pg_try_advisory_lock(8412077, 1) THEN NOT pg_advisory_unlock(8412077, 1) ELSE true
    END AS is_followed
FROM recorded
