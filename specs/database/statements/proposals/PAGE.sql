-- Read proposals, the newest first, at most `limit` of those before the id `before`.
--
-- `status`: only those that are so at the moment `now`; `any` for all. `agent_id`: only those of this agent; null for all.
-- `with_rows`: 1 to show what each would do. Columns: `rows`, a JSON array of `ProposalRead`; the id of the `last`, and
-- whether there are `more`.
--
-- Parameters:
--   $1 now timestamp with time zone
--   $2 with_rows integer
--   $3 limit integer
--   $4 user_id bigint
--   $5 agent_id bigint
--   $6 before bigint
--   $7 status character varying
--
-- Columns:
--   rows json
--   last bigint
--   more boolean

SELECT
    coalesce(
        json_agg(
            (
                SELECT row_to_json(shaped) AS row_to_json_1
                FROM (
                    SELECT
                        numbered.id AS id,
                        numbered.agent_id AS agent_id,
                        numbered.operation AS operation,
                        CASE
                            WHEN (numbered.decision IS NOT NULL) THEN numbered.decision
                            WHEN (numbered.expires_at > $1::TIMESTAMP WITH TIME ZONE) THEN 'waiting'
                            ELSE 'expired'
                        END AS status,
                        numbered.reason AS agent_says,
                        (to_json(timezone('UTC', numbered.said_at)) #>> '{}') || 'Z' AS said_at,
                        numbered.said_in AS said_in,
                        numbered.via AS via,
                        numbered.client AS client,
                        (
                            to_json(timezone('UTC', numbered.expires_at)) #>> '{}'
                        ) || 'Z' AS expires_at,
                        (
                            to_json(timezone('UTC', numbered.decided_at)) #>> '{}'
                        ) || 'Z' AS decided_at,
                        numbered.decided_by AS decided_by,
                        numbered.note AS note,
                        numbered.change_id AS change_id,
                        CASE
                            WHEN ($2::INTEGER = 1) THEN numbered.shown ELSE '[]'::json
                        END AS entries,
                        numbered.rows - json_array_length(
                            CASE WHEN ($2::INTEGER = 1) THEN numbered.shown ELSE '[]'::json END
                        ) AS more_entries
                ) AS shaped
            )
            ORDER BY numbered.id DESC
        ) FILTER (WHERE numbered.n <= $3::INTEGER),
        '[]'::json
    ) AS rows,
    min(numbered.id) FILTER (WHERE numbered.n <= $3::INTEGER) AS last,
    count(*) > $3::INTEGER AS more
FROM (
    SELECT
        page.user_id AS user_id,
        page.id AS id,
        page.agent_id AS agent_id,
        page.operation AS operation,
        page.call AS call,
        page.said_at AS said_at,
        page.said_in AS said_in,
        page.shown AS shown,
        page.effects AS effects,
        page.rows AS rows,
        page.reason AS reason,
        page.via AS via,
        page.client AS client,
        page.token_id AS token_id,
        page.expires_at AS expires_at,
        page.decision AS decision,
        page.decided_at AS decided_at,
        page.decided_by AS decided_by,
        page.note AS note,
        page.change_id AS change_id,
        row_number() OVER (ORDER BY page.id DESC) AS n
    FROM (
        SELECT
            proposals.user_id AS user_id,
            proposals.id AS id,
            proposals.agent_id AS agent_id,
            proposals.operation AS operation,
            proposals.call AS call,
            proposals.said_at AS said_at,
            proposals.said_in AS said_in,
            proposals.shown AS shown,
            proposals.effects AS effects,
            proposals.rows AS rows,
            proposals.reason AS reason,
            proposals.via AS via,
            proposals.client AS client,
            proposals.token_id AS token_id,
            proposals.expires_at AS expires_at,
            proposals.decision AS decision,
            proposals.decided_at AS decided_at,
            proposals.decided_by AS decided_by,
            proposals.note AS note,
            proposals.change_id AS change_id
        FROM proposals
        WHERE
            proposals.user_id = $4::BIGINT
            AND ($5::BIGINT IS NULL OR proposals.agent_id = $5::BIGINT)
            AND proposals.id < $6::BIGINT
            AND (
                $7::VARCHAR = 'any'
                OR CASE
                    WHEN (proposals.decision IS NOT NULL) THEN proposals.decision
                    WHEN (proposals.expires_at > $1::TIMESTAMP WITH TIME ZONE) THEN 'waiting'
                    ELSE 'expired'
                END = $7::VARCHAR
            )
        ORDER BY proposals.id DESC
        LIMIT $3::INTEGER + 1
    ) AS page
) AS numbered
