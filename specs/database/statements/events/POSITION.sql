-- Read the id of the latest change of which the caller may see something, null if there is none, and that of the latest
-- one that a purge deleted. `shown`: as in `history.LATEST`. Reads `pk_changes` and `pk_change_entries`.
--
-- Parameters:
--   $1 user_id bigint
--   $2 shown text[]
--
-- Columns:
--   newest bigint
--   deleted_through bigint

SELECT
    (
        SELECT changes.id
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
        ORDER BY changes.id DESC
        LIMIT 1
    ) AS newest,
    users.changes_deleted_through AS deleted_through
FROM users
WHERE users.id = $1::BIGINT
