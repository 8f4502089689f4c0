-- Read the latest changes, newest first, at most `limit` of them. Reads `uq_changes_user_id_id`.
--
-- Columns: `rows`, a JSON array of `ChangeRead`; `last`, the newest change's id; `total`, of all changes.
--
-- Parameters:
--   $1 user_id bigint
--   $2 limit integer
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
    WHERE changes.user_id = $1::BIGINT
    ORDER BY changes.id DESC
    LIMIT $2::INTEGER
) AS anon_1
