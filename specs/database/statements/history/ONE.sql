-- Read the change with an `id`, as `ChangeRead`, if the caller may see something of it, with the first `AT_ONCE` of its
-- entries whose number is above `after`. `shown` and `rows`: as in `LATEST`. Reads `pk_changes`, `pk_change_entries` and
-- `pk_undone_changes`.
--
-- Parameters:
--   $1 user_id bigint
--   $2 rows boolean
--   $3 shown text[]
--   $4 after bigint
--   $5 id bigint
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
            changes.agent_id AS agent_id,
            changes.request_id AS request_id,
            changes.proposal_id AS proposal_id,
            changes.approved_by AS approved_by,
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
            END AS undoes_also,
            (
                SELECT undone_changes.undone_by
                FROM undone_changes
                WHERE
                    undone_changes.user_id = changes.user_id
                    AND undone_changes.change_id = changes.id
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
                                        CASE
                                            WHEN in_mandate(change_entries.list_after)
                                            THEN change_entries.after
                                        END ->> 'title',
                                        CASE
                                            WHEN in_mandate(change_entries.list_after)
                                            THEN change_entries.after
                                        END ->> 'name',
                                        (
                                            SELECT todo.title
                                            FROM (
                                                SELECT coalesce(
                                                    CAST(
                                                        change_entries.after ->> 'todo_id' AS BIGINT
                                                    ),
                                                    change_entries.entity_id
                                                ) AS id
                                                WHERE change_entries.entity IN ('todo', 'note')
                                                LIMIT ALL
                                                OFFSET 0
                                            ) AS named
                                            JOIN todos AS todo
                                                ON todo.id = named.id AND todo.user_id = $1::BIGINT
                                        )
                                    ) AS title,
                                    change_entries.number AS number,
                                    CASE
                                        WHEN in_mandate(change_entries.list_before)
                                        THEN change_entries.before
                                    END IS NULL AS is_new,
                                    CASE
                                        WHEN $2::BOOLEAN
                                        THEN CASE
                                            WHEN (
                                                CASE
                                                    WHEN in_mandate(change_entries.list_before)
                                                    THEN change_entries.before
                                                END IS NULL
                                            )
                                            THEN NULL::json
                                            WHEN (
                                                change_entries.entity = 'tag'
                                                AND (
                                                    CASE
                                                        WHEN in_mandate(change_entries.list_before)
                                                        THEN change_entries.before
                                                    END -> 'row'
                                                ) IS NOT NULL
                                                AND (
                                                    CASE
                                                        WHEN in_mandate(change_entries.list_before)
                                                        THEN change_entries.before
                                                    END -> 'linked'
                                                ) IS NOT NULL
                                            )
                                            THEN CAST(
                                                jsonb_set(
                                                    CAST(
                                                        CASE
                                                            WHEN in_mandate(
                                                                change_entries.list_before
                                                            )
                                                            THEN change_entries.before
                                                        END -> 'row' AS JSONB
                                                    ),
                                                    '{linked}',
                                                    CAST(
                                                        CASE
                                                            WHEN in_mandate(
                                                                change_entries.list_before
                                                            )
                                                            THEN change_entries.before
                                                        END -> 'linked' AS JSONB
                                                    )
                                                ) AS JSON
                                            )
                                            WHEN (
                                                (
                                                    change_entries.entity = 'list'
                                                    OR change_entries.entity = 'tag'
                                                )
                                                AND (
                                                    CASE
                                                        WHEN in_mandate(change_entries.list_before)
                                                        THEN change_entries.before
                                                    END -> 'row'
                                                ) IS NOT NULL
                                            )
                                            THEN CASE
                                                WHEN in_mandate(change_entries.list_before)
                                                THEN change_entries.before
                                            END -> 'row'
                                            WHEN (change_entries.entity = 'list')
                                            THEN json_build_object(
                                                'name',
                                                CASE
                                                    WHEN in_mandate(change_entries.list_before)
                                                    THEN change_entries.before
                                                END -> 'name',
                                                'color',
                                                CASE
                                                    WHEN in_mandate(change_entries.list_before)
                                                    THEN change_entries.before
                                                END -> 'colour',
                                                'is_archived',
                                                CASE
                                                    WHEN in_mandate(change_entries.list_before)
                                                    THEN change_entries.before
                                                END -> 'is_archived',
                                                'is_deleted',
                                                CASE
                                                    WHEN in_mandate(change_entries.list_before)
                                                    THEN change_entries.before
                                                END -> 'is_deleted',
                                                'version',
                                                CASE
                                                    WHEN in_mandate(change_entries.list_before)
                                                    THEN change_entries.before
                                                END -> 'version'
                                            )
                                            WHEN (
                                                change_entries.entity = 'tag'
                                                AND (
                                                    CASE
                                                        WHEN in_mandate(change_entries.list_before)
                                                        THEN change_entries.before
                                                    END -> 'deleted'
                                                ) IS NOT NULL
                                                AND (
                                                    CASE
                                                        WHEN in_mandate(change_entries.list_before)
                                                        THEN change_entries.before
                                                    END -> 'linked'
                                                ) IS NOT NULL
                                            )
                                            THEN json_build_object(
                                                'name',
                                                CASE
                                                    WHEN in_mandate(change_entries.list_before)
                                                    THEN change_entries.before
                                                END -> 'name',
                                                'is_deleted',
                                                CASE
                                                    WHEN in_mandate(change_entries.list_before)
                                                    THEN change_entries.before
                                                END -> 'deleted',
                                                'version',
                                                CASE
                                                    WHEN in_mandate(change_entries.list_before)
                                                    THEN change_entries.before
                                                END -> 'version',
                                                'linked',
                                                CASE
                                                    WHEN in_mandate(change_entries.list_before)
                                                    THEN change_entries.before
                                                END -> 'linked'
                                            )
                                            WHEN (
                                                change_entries.entity = 'tag'
                                                AND (
                                                    CASE
                                                        WHEN in_mandate(change_entries.list_before)
                                                        THEN change_entries.before
                                                    END -> 'deleted'
                                                ) IS NOT NULL
                                            )
                                            THEN json_build_object(
                                                'name',
                                                CASE
                                                    WHEN in_mandate(change_entries.list_before)
                                                    THEN change_entries.before
                                                END -> 'name',
                                                'is_deleted',
                                                CASE
                                                    WHEN in_mandate(change_entries.list_before)
                                                    THEN change_entries.before
                                                END -> 'deleted',
                                                'version',
                                                CASE
                                                    WHEN in_mandate(change_entries.list_before)
                                                    THEN change_entries.before
                                                END -> 'version'
                                            )
                                            WHEN (
                                                change_entries.entity = 'account'
                                                AND (
                                                    CASE
                                                        WHEN in_mandate(change_entries.list_before)
                                                        THEN change_entries.before
                                                    END -> 'deleted'
                                                ) IS NOT NULL
                                            )
                                            THEN json_build_object(
                                                'is_deleted',
                                                CASE
                                                    WHEN in_mandate(change_entries.list_before)
                                                    THEN change_entries.before
                                                END -> 'deleted'
                                            )
                                            WHEN (
                                                CAST(
                                                    CASE
                                                        WHEN in_mandate(change_entries.list_before)
                                                        THEN change_entries.before
                                                    END AS TEXT
                                                ) LIKE '%+00:00"%'
                                            )
                                            THEN CAST(
                                                regexp_replace(
                                                    CAST(
                                                        CASE
                                                            WHEN in_mandate(
                                                                change_entries.list_before
                                                            )
                                                            THEN change_entries.before
                                                        END AS TEXT
                                                    ),
                                                    '("(at|[a-z]+_at)" ?: ?"[^"]*)[+]00:00"',
                                                    '\1Z"',
                                                    'g'
                                                ) AS JSON
                                            )
                                            ELSE CASE
                                                WHEN in_mandate(change_entries.list_before)
                                                THEN change_entries.before
                                            END
                                        END
                                    END AS before,
                                    CASE
                                        WHEN $2::BOOLEAN
                                        THEN CASE
                                            WHEN (
                                                CASE
                                                    WHEN in_mandate(change_entries.list_after)
                                                    THEN change_entries.after
                                                END IS NULL
                                            )
                                            THEN NULL::json
                                            WHEN (
                                                change_entries.entity = 'tag'
                                                AND (
                                                    CASE
                                                        WHEN in_mandate(change_entries.list_after)
                                                        THEN change_entries.after
                                                    END -> 'row'
                                                ) IS NOT NULL
                                                AND (
                                                    CASE
                                                        WHEN in_mandate(change_entries.list_after)
                                                        THEN change_entries.after
                                                    END -> 'linked'
                                                ) IS NOT NULL
                                            )
                                            THEN CAST(
                                                jsonb_set(
                                                    CAST(
                                                        CASE
                                                            WHEN in_mandate(
                                                                change_entries.list_after
                                                            )
                                                            THEN change_entries.after
                                                        END -> 'row' AS JSONB
                                                    ),
                                                    '{linked}',
                                                    CAST(
                                                        CASE
                                                            WHEN in_mandate(
                                                                change_entries.list_after
                                                            )
                                                            THEN change_entries.after
                                                        END -> 'linked' AS JSONB
                                                    )
                                                ) AS JSON
                                            )
                                            WHEN (
                                                (
                                                    change_entries.entity = 'list'
                                                    OR change_entries.entity = 'tag'
                                                )
                                                AND (
                                                    CASE
                                                        WHEN in_mandate(change_entries.list_after)
                                                        THEN change_entries.after
                                                    END -> 'row'
                                                ) IS NOT NULL
                                            )
                                            THEN CASE
                                                WHEN in_mandate(change_entries.list_after)
                                                THEN change_entries.after
                                            END -> 'row'
                                            WHEN (change_entries.entity = 'list')
                                            THEN json_build_object(
                                                'name',
                                                CASE
                                                    WHEN in_mandate(change_entries.list_after)
                                                    THEN change_entries.after
                                                END -> 'name',
                                                'color',
                                                CASE
                                                    WHEN in_mandate(change_entries.list_after)
                                                    THEN change_entries.after
                                                END -> 'colour',
                                                'is_archived',
                                                CASE
                                                    WHEN in_mandate(change_entries.list_after)
                                                    THEN change_entries.after
                                                END -> 'is_archived',
                                                'is_deleted',
                                                CASE
                                                    WHEN in_mandate(change_entries.list_after)
                                                    THEN change_entries.after
                                                END -> 'is_deleted',
                                                'version',
                                                CASE
                                                    WHEN in_mandate(change_entries.list_after)
                                                    THEN change_entries.after
                                                END -> 'version'
                                            )
                                            WHEN (
                                                change_entries.entity = 'tag'
                                                AND (
                                                    CASE
                                                        WHEN in_mandate(change_entries.list_after)
                                                        THEN change_entries.after
                                                    END -> 'deleted'
                                                ) IS NOT NULL
                                                AND (
                                                    CASE
                                                        WHEN in_mandate(change_entries.list_after)
                                                        THEN change_entries.after
                                                    END -> 'linked'
                                                ) IS NOT NULL
                                            )
                                            THEN json_build_object(
                                                'name',
                                                CASE
                                                    WHEN in_mandate(change_entries.list_after)
                                                    THEN change_entries.after
                                                END -> 'name',
                                                'is_deleted',
                                                CASE
                                                    WHEN in_mandate(change_entries.list_after)
                                                    THEN change_entries.after
                                                END -> 'deleted',
                                                'version',
                                                CASE
                                                    WHEN in_mandate(change_entries.list_after)
                                                    THEN change_entries.after
                                                END -> 'version',
                                                'linked',
                                                CASE
                                                    WHEN in_mandate(change_entries.list_after)
                                                    THEN change_entries.after
                                                END -> 'linked'
                                            )
                                            WHEN (
                                                change_entries.entity = 'tag'
                                                AND (
                                                    CASE
                                                        WHEN in_mandate(change_entries.list_after)
                                                        THEN change_entries.after
                                                    END -> 'deleted'
                                                ) IS NOT NULL
                                            )
                                            THEN json_build_object(
                                                'name',
                                                CASE
                                                    WHEN in_mandate(change_entries.list_after)
                                                    THEN change_entries.after
                                                END -> 'name',
                                                'is_deleted',
                                                CASE
                                                    WHEN in_mandate(change_entries.list_after)
                                                    THEN change_entries.after
                                                END -> 'deleted',
                                                'version',
                                                CASE
                                                    WHEN in_mandate(change_entries.list_after)
                                                    THEN change_entries.after
                                                END -> 'version'
                                            )
                                            WHEN (
                                                change_entries.entity = 'account'
                                                AND (
                                                    CASE
                                                        WHEN in_mandate(change_entries.list_after)
                                                        THEN change_entries.after
                                                    END -> 'deleted'
                                                ) IS NOT NULL
                                            )
                                            THEN json_build_object(
                                                'is_deleted',
                                                CASE
                                                    WHEN in_mandate(change_entries.list_after)
                                                    THEN change_entries.after
                                                END -> 'deleted'
                                            )
                                            WHEN (
                                                CAST(
                                                    CASE
                                                        WHEN in_mandate(change_entries.list_after)
                                                        THEN change_entries.after
                                                    END AS TEXT
                                                ) LIKE '%+00:00"%'
                                            )
                                            THEN CAST(
                                                regexp_replace(
                                                    CAST(
                                                        CASE
                                                            WHEN in_mandate(
                                                                change_entries.list_after
                                                            )
                                                            THEN change_entries.after
                                                        END AS TEXT
                                                    ),
                                                    '("(at|[a-z]+_at)" ?: ?"[^"]*)[+]00:00"',
                                                    '\1Z"',
                                                    'g'
                                                ) AS JSON
                                            )
                                            ELSE CASE
                                                WHEN in_mandate(change_entries.list_after)
                                                THEN change_entries.after
                                            END
                                        END
                                    END AS after
                            ) AS shaped
                        )
                        ORDER BY change_entries.number
                    ),
                    '[]'::json
                ) AS coalesce_2
                FROM change_entries
                WHERE
                    change_entries.user_id = changes.user_id
                    AND change_entries.change_id = changes.id
                    AND (
                        change_entries.entity = ANY ($3::TEXT[])
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
                            AND 'own account' = ANY ($3::TEXT[])
                    )
                    AND change_entries.number > $4::BIGINT
                    AND change_entries.number <= $4::BIGINT + 500
            ) AS entries,
            greatest(
                coalesce(
                    (
                        SELECT max(change_entries.number) AS max_1
                        FROM change_entries
                        WHERE
                            change_entries.user_id = changes.user_id
                            AND change_entries.change_id = changes.id
                    ),
                    0
                ) - ($4::BIGINT + 500),
                0
            ) AS more_entries,
            CASE
                WHEN (
                    coalesce(
                        (
                            SELECT max(change_entries.number) AS max_1
                            FROM change_entries
                            WHERE
                                change_entries.user_id = changes.user_id
                                AND change_entries.change_id = changes.id
                        ),
                        0
                    ) - ($4::BIGINT + 500) > 0
                )
                THEN $4::BIGINT + 500
            END AS next_entry
    ) AS shaped
) AS row
FROM changes
WHERE
    changes.user_id = $1::BIGINT
    AND changes.id = $5::BIGINT
    AND (
        EXISTS (
            SELECT 1
            FROM change_entries AS touched
            WHERE
                touched.user_id = changes.user_id
                AND touched.change_id = changes.id
                AND (
                    touched.entity = ANY ($3::TEXT[])
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
                        AND 'own account' = ANY ($3::TEXT[])
                )
            LIMIT ALL
            OFFSET 0
        )
    )
