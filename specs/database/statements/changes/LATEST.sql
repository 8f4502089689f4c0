-- Read the latest changes before the change `before`, newest first, at most `limit` of them, and fewer where they
-- touched `FULL` rows, of each change `ON_PAGE` at most.
--
-- Reads `pk_changes`, `pk_change_entries` and `uq_changes_undoes`. `shown`: the kinds of rows that the caller may see,
-- among them perhaps the caller's own account alone; a change of other rows is left out. `rows`: whether the entries have
-- the rows before and after. Columns: `rows`, a JSON array of `ChangeRead`; `lowest` and `highest`, the least and the
-- greatest id on the page; `more`, whether there are older ones; `deleted_through`, the latest change that the purge
-- deleted, 0 if none.
--
-- Parameters:
--   $1 user_id bigint
--   $2 shown text[]
--   $3 rows boolean
--   $4 before bigint
--   $5 limit integer
--
-- Columns:
--   rows json
--   lowest bigint
--   highest bigint
--   more boolean
--   deleted_through bigint

SELECT
    coalesce(json_agg(page.row ORDER BY page.id DESC), '[]'::json) AS rows,
    min(page.id) AS lowest,
    max(page.id) AS highest,
    EXISTS (
        SELECT 1
        FROM changes AS beyond
        WHERE
            beyond.user_id = $1::BIGINT
            AND beyond.id < min(page.id)
            AND (
                EXISTS (
                    SELECT 1
                    FROM change_entries AS touched
                    WHERE
                        touched.user_id = beyond.user_id
                        AND touched.change_id = beyond.id
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
    ) AS more,
    (SELECT users.changes_deleted_through FROM users WHERE users.id = $1::BIGINT) AS deleted_through
FROM (
    SELECT
        (
            SELECT row_to_json(shaped) AS row_to_json_1
            FROM (
                SELECT
                    counted.id AS id,
                    (to_json(timezone('UTC', counted.at)) #>> '{}') || 'Z' AS at,
                    CASE
                        WHEN (
                            counted.operation = 'todos.complete'
                            AND (
                                EXISTS (
                                    SELECT 1
                                    FROM change_entries AS change_entries_1
                                    WHERE
                                        change_entries_1.user_id = counted.user_id
                                        AND change_entries_1.change_id = counted.id
                                        AND (change_entries_1.before ->> 'completed_at') IS NOT NULL
                                        AND (change_entries_1.after ->> 'completed_at') IS NULL
                                )
                            )
                        )
                        THEN 'todos.reopen'
                        WHEN (
                            counted.operation = 'todos.delete'
                            AND (
                                EXISTS (
                                    SELECT 1
                                    FROM change_entries AS change_entries_2
                                    WHERE
                                        change_entries_2.user_id = counted.user_id
                                        AND change_entries_2.change_id = counted.id
                                        AND (change_entries_2.before ->> 'deleted_at') IS NOT NULL
                                        AND (change_entries_2.after ->> 'deleted_at') IS NULL
                                )
                            )
                        )
                        THEN 'todos.restore'
                        WHEN (
                            counted.operation = 'accounts.suspend'
                            AND (
                                EXISTS (
                                    SELECT 1
                                    FROM change_entries AS change_entries_3
                                    WHERE
                                        change_entries_3.user_id = counted.user_id
                                        AND change_entries_3.change_id = counted.id
                                        AND (change_entries_3.before ->> 'suspended_at') IS NOT NULL
                                        AND (change_entries_3.after ->> 'suspended_at') IS NULL
                                )
                            )
                        )
                        THEN 'accounts.reactivate'
                        ELSE counted.operation
                    END AS operation,
                    counted.via AS via,
                    counted.client AS client,
                    counted.token_id AS token_id,
                    counted.undoes AS undoes,
                    (
                        SELECT undo.id
                        FROM changes AS undo
                        WHERE undo.user_id = counted.user_id AND undo.undoes = counted.id
                    ) AS undone_by,
                    (
                        SELECT coalesce(
                            json_agg(
                                (
                                    SELECT row_to_json(shaped) AS row_to_json_2
                                    FROM (
                                        SELECT
                                            change_entries.entity AS entity,
                                            change_entries.entity_id AS id,
                                            coalesce(
                                                change_entries.after ->> 'title',
                                                change_entries.after ->> 'name'
                                            ) AS title,
                                            change_entries.before IS NULL AS is_new,
                                            CASE
                                                WHEN $3::BOOLEAN
                                                THEN CASE
                                                    WHEN (change_entries.before IS NULL)
                                                    THEN NULL::json
                                                    WHEN (
                                                        change_entries.entity = 'tag'
                                                        AND (
                                                            change_entries.before -> 'row'
                                                        ) IS NOT NULL
                                                        AND (
                                                            change_entries.before -> 'linked'
                                                        ) IS NOT NULL
                                                    )
                                                    THEN CAST(
                                                        jsonb_set(
                                                            CAST(
                                                                change_entries.before -> 'row' AS JSONB
                                                            ),
                                                            '{linked}',
                                                            CAST(
                                                                change_entries.before -> 'linked' AS JSONB
                                                            )
                                                        ) AS JSON
                                                    )
                                                    WHEN (
                                                        (
                                                            change_entries.entity = 'list'
                                                            OR change_entries.entity = 'tag'
                                                        )
                                                        AND (
                                                            change_entries.before -> 'row'
                                                        ) IS NOT NULL
                                                    )
                                                    THEN change_entries.before -> 'row'
                                                    WHEN (change_entries.entity = 'list')
                                                    THEN json_build_object(
                                                        'name',
                                                        change_entries.before -> 'name',
                                                        'color',
                                                        change_entries.before -> 'colour',
                                                        'is_archived',
                                                        change_entries.before -> 'is_archived',
                                                        'is_deleted',
                                                        change_entries.before -> 'is_deleted',
                                                        'version',
                                                        change_entries.before -> 'version'
                                                    )
                                                    WHEN (
                                                        change_entries.entity = 'tag'
                                                        AND (
                                                            change_entries.before -> 'deleted'
                                                        ) IS NOT NULL
                                                        AND (
                                                            change_entries.before -> 'linked'
                                                        ) IS NOT NULL
                                                    )
                                                    THEN json_build_object(
                                                        'name',
                                                        change_entries.before -> 'name',
                                                        'is_deleted',
                                                        change_entries.before -> 'deleted',
                                                        'version',
                                                        change_entries.before -> 'version',
                                                        'linked',
                                                        change_entries.before -> 'linked'
                                                    )
                                                    WHEN (
                                                        change_entries.entity = 'tag'
                                                        AND (
                                                            change_entries.before -> 'deleted'
                                                        ) IS NOT NULL
                                                    )
                                                    THEN json_build_object(
                                                        'name',
                                                        change_entries.before -> 'name',
                                                        'is_deleted',
                                                        change_entries.before -> 'deleted',
                                                        'version',
                                                        change_entries.before -> 'version'
                                                    )
                                                    WHEN (
                                                        change_entries.entity = 'account'
                                                        AND (
                                                            change_entries.before -> 'deleted'
                                                        ) IS NOT NULL
                                                    )
                                                    THEN json_build_object(
                                                        'is_deleted',
                                                        change_entries.before -> 'deleted'
                                                    )
                                                    WHEN (
                                                        CAST(
                                                            change_entries.before AS TEXT
                                                        ) LIKE '%+00:00"%'
                                                    )
                                                    THEN CAST(
                                                        regexp_replace(
                                                            CAST(change_entries.before AS TEXT),
                                                            '("(at|[a-z]+_at)" ?: ?"[^"]*)[+]00:00"',
                                                            '\1Z"',
                                                            'g'
                                                        ) AS JSON
                                                    )
                                                    ELSE change_entries.before
                                                END
                                            END AS before,
                                            CASE
                                                WHEN $3::BOOLEAN
                                                THEN CASE
                                                    WHEN (change_entries.after IS NULL)
                                                    THEN NULL::json
                                                    WHEN (
                                                        change_entries.entity = 'tag'
                                                        AND (
                                                            change_entries.after -> 'row'
                                                        ) IS NOT NULL
                                                        AND (
                                                            change_entries.after -> 'linked'
                                                        ) IS NOT NULL
                                                    )
                                                    THEN CAST(
                                                        jsonb_set(
                                                            CAST(
                                                                change_entries.after -> 'row' AS JSONB
                                                            ),
                                                            '{linked}',
                                                            CAST(
                                                                change_entries.after -> 'linked' AS JSONB
                                                            )
                                                        ) AS JSON
                                                    )
                                                    WHEN (
                                                        (
                                                            change_entries.entity = 'list'
                                                            OR change_entries.entity = 'tag'
                                                        )
                                                        AND (
                                                            change_entries.after -> 'row'
                                                        ) IS NOT NULL
                                                    )
                                                    THEN change_entries.after -> 'row'
                                                    WHEN (change_entries.entity = 'list')
                                                    THEN json_build_object(
                                                        'name',
                                                        change_entries.after -> 'name',
                                                        'color',
                                                        change_entries.after -> 'colour',
                                                        'is_archived',
                                                        change_entries.after -> 'is_archived',
                                                        'is_deleted',
                                                        change_entries.after -> 'is_deleted',
                                                        'version',
                                                        change_entries.after -> 'version'
                                                    )
                                                    WHEN (
                                                        change_entries.entity = 'tag'
                                                        AND (
                                                            change_entries.after -> 'deleted'
                                                        ) IS NOT NULL
                                                        AND (
                                                            change_entries.after -> 'linked'
                                                        ) IS NOT NULL
                                                    )
                                                    THEN json_build_object(
                                                        'name',
                                                        change_entries.after -> 'name',
                                                        'is_deleted',
                                                        change_entries.after -> 'deleted',
                                                        'version',
                                                        change_entries.after -> 'version',
                                                        'linked',
                                                        change_entries.after -> 'linked'
                                                    )
                                                    WHEN (
                                                        change_entries.entity = 'tag'
                                                        AND (
                                                            change_entries.after -> 'deleted'
                                                        ) IS NOT NULL
                                                    )
                                                    THEN json_build_object(
                                                        'name',
                                                        change_entries.after -> 'name',
                                                        'is_deleted',
                                                        change_entries.after -> 'deleted',
                                                        'version',
                                                        change_entries.after -> 'version'
                                                    )
                                                    WHEN (
                                                        change_entries.entity = 'account'
                                                        AND (
                                                            change_entries.after -> 'deleted'
                                                        ) IS NOT NULL
                                                    )
                                                    THEN json_build_object(
                                                        'is_deleted',
                                                        change_entries.after -> 'deleted'
                                                    )
                                                    WHEN (
                                                        CAST(
                                                            change_entries.after AS TEXT
                                                        ) LIKE '%+00:00"%'
                                                    )
                                                    THEN CAST(
                                                        regexp_replace(
                                                            CAST(change_entries.after AS TEXT),
                                                            '("(at|[a-z]+_at)" ?: ?"[^"]*)[+]00:00"',
                                                            '\1Z"',
                                                            'g'
                                                        ) AS JSON
                                                    )
                                                    ELSE change_entries.after
                                                END
                                            END AS after
                                    ) AS shaped
                                )
                                ORDER BY change_entries.number
                            ),
                            '[]'::json
                        ) AS coalesce_1
                        FROM change_entries
                        WHERE
                            change_entries.user_id = counted.user_id
                            AND change_entries.change_id = counted.id
                            AND change_entries.number > 0
                            AND change_entries.number <= 0 + 100
                            AND (
                                change_entries.entity = ANY ($2::TEXT[])
                                    AND (
                                        change_entries.entity != 'account'
                                        OR change_entries.entity_id = $1::BIGINT
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
                                OR change_entries.entity = 'account'
                                    AND change_entries.entity_id = $1::BIGINT
                                    AND 'own account' = ANY ($2::TEXT[])
                            )
                    ) AS entries,
                    greatest(counted.entries - (0 + 100), 0) AS more_entries,
                    CASE WHEN (counted.entries > 0 + 100) THEN 0 + 100 END AS next_entry
            ) AS shaped
        ) AS row,
        counted.id AS id
    FROM (
        SELECT
            wanted.user_id AS user_id,
            wanted.id AS id,
            wanted.at AS at,
            wanted.operation AS operation,
            wanted.via AS via,
            wanted.client AS client,
            wanted.token_id AS token_id,
            wanted.undoes AS undoes,
            wanted.entries AS entries,
            sum(least(wanted.entries, 100)) OVER (ORDER BY wanted.id DESC) - least(
                wanted.entries, 100
            ) AS already
        FROM (
            SELECT
                changes.user_id AS user_id,
                changes.id AS id,
                changes.at AS at,
                changes.operation AS operation,
                changes.via AS via,
                changes.client AS client,
                changes.token_id AS token_id,
                changes.undoes AS undoes,
                coalesce(
                    (
                        SELECT max(change_entries.number) AS max_1
                        FROM change_entries
                        WHERE
                            change_entries.user_id = changes.user_id
                            AND change_entries.change_id = changes.id
                    ),
                    0
                ) AS entries
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
                AND changes.id < $4::BIGINT
            ORDER BY changes.id DESC
            LIMIT $5::INTEGER
        ) AS wanted
    ) AS counted
    WHERE counted.already < 500
) AS page
