-- Read every change of which the caller may see something as `ExportedChange`, the oldest first.
--
-- `shown`: the kinds of rows that the caller may see. Reads `pk_changes`, `pk_change_entries` and
-- `ix_undone_changes_by`.
--
-- Parameters:
--   $1 user_id bigint
--   $2 shown text[]
--
-- Columns:
--   row json

SELECT (
    SELECT row_to_json(shaped) AS row_to_json_1
    FROM (
        SELECT
            changes.id AS id,
            (to_json(timezone('UTC', changes.at)) #>> '{}') || 'Z' AS at,
            CASE
                WHEN (
                    changes.operation = 'todos.complete'
                    AND (
                        EXISTS (
                            SELECT 1
                            FROM change_entries AS change_entries_1
                            WHERE
                                change_entries_1.user_id = changes.user_id
                                AND change_entries_1.change_id = changes.id
                                AND (change_entries_1.before ->> 'completed_at') IS NOT NULL
                                AND (change_entries_1.after ->> 'completed_at') IS NULL
                        )
                    )
                )
                THEN 'todos.reopen'
                WHEN (
                    changes.operation = 'todos.delete'
                    AND (
                        EXISTS (
                            SELECT 1
                            FROM change_entries AS change_entries_2
                            WHERE
                                change_entries_2.user_id = changes.user_id
                                AND change_entries_2.change_id = changes.id
                                AND (change_entries_2.before ->> 'deleted_at') IS NOT NULL
                                AND (change_entries_2.after ->> 'deleted_at') IS NULL
                        )
                    )
                )
                THEN 'todos.restore'
                WHEN (
                    changes.operation = 'accounts.suspend'
                    AND (
                        EXISTS (
                            SELECT 1
                            FROM change_entries AS change_entries_3
                            WHERE
                                change_entries_3.user_id = changes.user_id
                                AND change_entries_3.change_id = changes.id
                                AND (change_entries_3.before ->> 'suspended_at') IS NOT NULL
                                AND (change_entries_3.after ->> 'suspended_at') IS NULL
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
            CASE
                WHEN (changes.undoes IS NOT NULL)
                THEN (
                    SELECT coalesce(
                        json_agg(also.change_id ORDER BY also.change_id DESC), '[]'::json
                    ) AS coalesce_1
                    FROM undone_changes AS also
                    WHERE
                        also.user_id = changes.user_id
                        AND also.undone_by = changes.id
                        AND also.change_id != changes.undoes
                )
                ELSE '[]'::json
            END AS undoes_also
    ) AS shaped
) AS row
FROM changes
WHERE
    changes.user_id = $1::BIGINT
    AND (
        EXISTS (
            SELECT 1
            FROM change_entries AS touched
            WHERE
                touched.user_id = changes.user_id
                AND touched.change_id = changes.id
                AND (
                    touched.entity = ANY ($2::TEXT[])
                        AND (
                            touched.entity != 'account'
                            OR touched.entity_id = $1::BIGINT
                            OR (
                                SELECT admin.role = 'admin'
                                AND (
                                    admin.role_until > now()
                                    OR admin.issuer IN (
                                        'urn:todo-mcp:local', 'urn:todo-mcp:operator'
                                    )
                                ) AS anon_1
                                FROM users AS admin
                                WHERE admin.id = $1::BIGINT
                            )
                        )
                    OR touched.entity = 'account'
                        AND touched.entity_id = $1::BIGINT
                        AND 'own account' = ANY ($2::TEXT[])
                )
            LIMIT ALL
            OFFSET 0
        )
    )
ORDER BY changes.id
