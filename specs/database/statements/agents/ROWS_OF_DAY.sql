-- Count the rows that the agent with an `id` changed in the last 24 hours, without what it proposed. Reads
-- `ix_changes_at`, `ix_changes_agent_id` and `pk_change_entries`.
--
-- Parameters:
--   $1 user_id bigint
--   $2 id bigint
--
-- Columns:
--   count_1 bigint

SELECT count(*) AS count_1
FROM changes
JOIN change_entries AS touched
    ON touched.user_id = changes.user_id AND touched.change_id = changes.id
WHERE
    changes.user_id = $1::BIGINT
    AND changes.agent_id = $2::BIGINT
    AND touched.entity != 'proposal'
    AND changes.id >= (
        SELECT coalesce(
            (
                SELECT lately.id
                FROM changes AS lately
                WHERE
                    lately.user_id = $1::BIGINT
                    AND lately.at > statement_timestamp() - make_interval(secs=>86400.0)
                ORDER BY lately.at, lately.id
                LIMIT 1
            ),
            9223372036854775807
        ) AS coalesce_1
    )
    AND changes.at > statement_timestamp() - make_interval(secs=>86400.0)
