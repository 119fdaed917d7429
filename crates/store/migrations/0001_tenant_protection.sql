-- The second wall between tenants: every table of tenant data gets row-level security from its first moment,
-- forced so that not even the tables' owner reads past it by accident.
CREATE EXTENSION IF NOT EXISTS vector;

REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO studioconnect_app, studioconnect_system;

-- One call per table. A transaction without app.org_id sees and writes nothing; SET LOCAL leaves an empty
-- string behind on the connection, hence NULLIF.
CREATE FUNCTION protect_tenant_table(protected regclass, org_column text DEFAULT 'org_id') RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', protected);
    EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', protected);
    EXECUTE format(
        'CREATE POLICY tenant ON %s TO studioconnect_app '
        'USING (%I = NULLIF(current_setting(''app.org_id'', true), '''')::uuid) '
        'WITH CHECK (%I = NULLIF(current_setting(''app.org_id'', true), '''')::uuid)',
        protected, org_column, org_column);
    EXECUTE format('CREATE POLICY system ON %s TO studioconnect_system USING (true) WITH CHECK (true)', protected);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO studioconnect_app, studioconnect_system', protected);
END
$$;
REVOKE EXECUTE ON FUNCTION protect_tenant_table(regclass, text) FROM PUBLIC;
