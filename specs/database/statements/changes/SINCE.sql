-- Read the changes after the change `since` in the order of commits, at most `limit`. Columns as in `LATEST`.
--
-- Parameters:
--   $1 user_id bigint
--   $2 since bigint
--   $3 limit integer
--
-- Columns:
--   rows json
--   last bigint
--   total bigint

SELECT
    coalesce(json_agg(anon_1.row), '[]'::json) AS rows,
    max(anon_1.id) AS last,
    (SELECT count(*) AS count_1 FROM changes WHERE changes.user_id = $1::BIGINT) AS total
FROM (
    SELECT
        (
            SELECT row_to_json(shaped) AS row_to_json_1
            FROM (
                SELECT
                    changes.id AS id,
                    changes.at AS at,
                    CASE
                        WHEN (
                            changes.operation = 'todos.complete'
                            AND (
                                EXISTS (
                                    SELECT 1
                                    FROM json_array_elements(changes.entries) AS entry
                                    WHERE
                                        (entry #>> '{before,completed_at}') IS NOT NULL
                                        AND (entry #>> '{after,completed_at}') IS NULL
                                )
                            )
                        )
                        THEN 'todos.reopen'
                        WHEN (
                            changes.operation = 'todos.delete'
                            AND (
                                EXISTS (
                                    SELECT 1
                                    FROM json_array_elements(changes.entries) AS entry
                                    WHERE
                                        (entry #>> '{before,deleted_at}') IS NOT NULL
                                        AND (entry #>> '{after,deleted_at}') IS NULL
                                )
                            )
                        )
                        THEN 'todos.restore'
                        WHEN (
                            changes.operation = 'accounts.suspend'
                            AND (
                                EXISTS (
                                    SELECT 1
                                    FROM json_array_elements(changes.entries) AS entry
                                    WHERE
                                        (entry #>> '{before,suspended_at}') IS NOT NULL
                                        AND (entry #>> '{after,suspended_at}') IS NULL
                                )
                            )
                        )
                        THEN 'accounts.reactivate'
                        ELSE changes.operation
                    END AS operation,
                    changes.via AS via,
                    changes.client AS client,
                    changes.token_id AS token_id,
                    changes.undoes AS undoes,
                    undo.id AS undone_by,
                    changes.entries AS entries
            ) AS shaped
        ) AS row,
        changes.id AS id
    FROM changes
    LEFT OUTER JOIN changes AS undo ON undo.user_id = changes.user_id AND undo.undoes = changes.id
    WHERE changes.user_id = $1::BIGINT AND changes.id > $2::BIGINT
    ORDER BY changes.id
    LIMIT $3::INTEGER
) AS anon_1
