-- Read the changes with `ids`, the latest first, those that the user has.
--
-- Columns: `id`, `agent_id`; `undone_by`, the change that reverted it, or null; `brought_back_by`, the change that
-- reverted `undone_by`, or null, also where that was reverted itself; `undid`, an array of the changes that it reverted;
-- `entities`, an array of the kinds of its rows; `is_seen`, whether the caller may see one of these; `rows`, how many they
-- are. `shown`: the kinds that the caller may see. Reads `pk_changes`, `pk_undone_changes`, `ix_undone_changes_by` and
-- `pk_change_entries`.
--
-- Parameters:
--   $1 shown text[]
--   $2 user_id bigint
--   $3 ids bigint[]
--
-- Columns:
--   id bigint
--   agent_id bigint
--   undone_by bigint
--   brought_back_by bigint
--   undid bigint[]
--   entities text[]
--   is_seen boolean
--   rows bigint

SELECT
    changes.id,
    changes.agent_id,
    (
        SELECT undone_changes.undone_by
        FROM undone_changes
        WHERE undone_changes.user_id = changes.user_id AND undone_changes.change_id = changes.id
    ) AS undone_by,
    (
        SELECT again.undone_by
        FROM undone_changes
        JOIN undone_changes AS again
            ON again.user_id = undone_changes.user_id AND again.change_id = undone_changes.undone_by
        WHERE
            undone_changes.user_id = changes.user_id
            AND undone_changes.change_id = changes.id
            AND NOT (
                EXISTS (
                    SELECT later.change_id
                    FROM undone_changes AS later
                    WHERE later.user_id = again.user_id AND later.change_id = again.undone_by
                )
            )
    ) AS brought_back_by,
    array(
        (
            SELECT undid.change_id
            FROM undone_changes AS undid
            WHERE undid.user_id = changes.user_id AND undid.undone_by = changes.id
        )
    ) AS undid,
    array(
        (
            SELECT DISTINCT change_entries.entity
            FROM change_entries
            WHERE change_entries.user_id = changes.user_id AND change_entries.change_id = changes.id
        )
    ) AS entities,
    EXISTS (
        SELECT 1
        FROM change_entries AS touched
        WHERE
            touched.user_id = changes.user_id
            AND touched.change_id = changes.id
            AND (
                touched.entity = ANY ($1::TEXT[])
                    AND (
                        touched.entity != 'account'
                        OR touched.entity_id = $2::BIGINT
                        OR (
                            SELECT admin.role = 'admin'
                            AND (
                                admin.role_until > now()
                                OR admin.issuer IN ('urn:todo-mcp:local', 'urn:todo-mcp:operator')
                            ) AS anon_1
                            FROM users AS admin
                            WHERE admin.id = $2::BIGINT
                        )
                    )
                OR touched.entity = 'account'
                    AND touched.entity_id = $2::BIGINT
                    AND 'own account' = ANY ($1::TEXT[])
            )
        LIMIT ALL
        OFFSET 0
    ) AS is_seen,
    (
        SELECT count(*) AS count_1
        FROM change_entries
        WHERE change_entries.user_id = changes.user_id AND change_entries.change_id = changes.id
    ) AS rows
FROM changes
WHERE changes.user_id = $2::BIGINT AND changes.id = ANY ($3::BIGINT[])
ORDER BY changes.id DESC
