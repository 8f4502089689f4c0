-- Count the same of the agent with an `id` that sees some lists only: rows that it does not see count, too, such as
-- tags that it made, and todos that are in other lists by now. Reads `ix_changes_at`, `ix_changes_agent_id` and
-- `pk_change_entries`.
--
-- Parameters:
--   $1 user_id bigint
--   $2 id bigint
--
-- Columns:
--   coalesce_1 bigint

SELECT CAST(coalesce(sum(rows_of_change(changes.id, true)), 0) AS BIGINT) AS coalesce_1
FROM changes
WHERE
    changes.user_id = $1::BIGINT
    AND changes.agent_id = $2::BIGINT
    AND changes.operation != 'proposals.add'
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
        ) AS coalesce_2
    )
    AND changes.at > statement_timestamp() - make_interval(secs=>86400.0)
