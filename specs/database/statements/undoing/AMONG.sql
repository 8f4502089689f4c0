-- Read the changes of a time, the latest first, at most `most`: made from `made_from` on and before `made_until`, null
-- for no bound; with `ids` only those of these, if it is not null. `shown` and the columns: as in `NAMED`. Reads
-- `ix_changes_at`, too.
--
-- Parameters:
--   $1 shown text[]
--   $2 user_id bigint
--   $3 made_from timestamp with time zone
--   $4 made_until timestamp with time zone
--   $5 ids bigint[]
--   $6 most integer
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
WHERE
    changes.user_id = $2::BIGINT
    AND changes.id >= CASE
        WHEN ($3::TIMESTAMP WITH TIME ZONE IS NULL) THEN 0
        ELSE (
            SELECT coalesce(
                (
                    SELECT made.id
                    FROM changes AS made
                    WHERE made.user_id = $2::BIGINT AND made.at >= $3::TIMESTAMP WITH TIME ZONE
                    ORDER BY made.at, made.id
                    LIMIT 1
                ),
                9223372036854775807
            ) AS coalesce_1
        )
    END
    AND changes.id < CASE
        WHEN ($4::TIMESTAMP WITH TIME ZONE IS NULL) THEN 9223372036854775807
        ELSE (
            SELECT coalesce(
                (
                    SELECT made.id
                    FROM changes AS made
                    WHERE made.user_id = $2::BIGINT AND made.at >= $4::TIMESTAMP WITH TIME ZONE
                    ORDER BY made.at, made.id
                    LIMIT 1
                ),
                9223372036854775807
            ) AS coalesce_2
        )
    END
    AND ($3::TIMESTAMP WITH TIME ZONE IS NULL OR changes.at >= $3::TIMESTAMP WITH TIME ZONE)
    AND ($4::TIMESTAMP WITH TIME ZONE IS NULL OR changes.at < $4::TIMESTAMP WITH TIME ZONE)
    AND ($5::BIGINT[] IS NULL OR changes.id = ANY ($5::BIGINT[]))
ORDER BY changes.id DESC
LIMIT $6::INTEGER
