-- The business's customers, the people and addresses they are known by, and their pieces of work.
-- Foreign keys carry the tenant, so that a row can't point into another one.
CREATE TABLE clients (
    id uuid CONSTRAINT clients_pkey PRIMARY KEY,
    org_id uuid NOT NULL CONSTRAINT clients_org_fkey REFERENCES organizations (id) ON DELETE CASCADE,
    name text NOT NULL CONSTRAINT clients_name_length CHECK (char_length(name) BETWEEN 1 AND 200),
    notes text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT clients_org_id_unique UNIQUE (org_id, id)
);
CREATE INDEX clients_by_name ON clients (org_id, lower(name), id);
SELECT protect_tenant_table('clients');

CREATE TABLE client_contacts (
    org_id uuid NOT NULL CONSTRAINT client_contacts_org_fkey REFERENCES organizations (id) ON DELETE CASCADE,
    client_id uuid NOT NULL,
    kind text NOT NULL CONSTRAINT client_contacts_kind_known CHECK (kind IN ('phone', 'email')),
    -- E.164, or the address in lower case.
    value text NOT NULL CONSTRAINT client_contacts_value_normal CHECK (value = lower(value) AND value <> ''),
    person text,
    -- One number recognises one client.
    CONSTRAINT client_contacts_pkey PRIMARY KEY (org_id, kind, value),
    CONSTRAINT client_contacts_client_fkey FOREIGN KEY (org_id, client_id)
        REFERENCES clients (org_id, id) ON DELETE CASCADE
);
CREATE INDEX client_contacts_client ON client_contacts (org_id, client_id);
SELECT protect_tenant_table('client_contacts');

CREATE TABLE projects (
    id uuid CONSTRAINT projects_pkey PRIMARY KEY,
    org_id uuid NOT NULL CONSTRAINT projects_org_fkey REFERENCES organizations (id) ON DELETE CASCADE,
    client_id uuid NOT NULL,
    name text NOT NULL CONSTRAINT projects_name_length CHECK (char_length(name) BETWEEN 1 AND 200),
    aliases text[] NOT NULL DEFAULT '{}',
    status text NOT NULL CONSTRAINT projects_status_known
        CHECK (status IN ('planned', 'active', 'at_risk', 'on_hold', 'in_review', 'done', 'cancelled')),
    last_update text,
    next_milestone text,
    due_on date,
    -- The tool it is mirrored from, as text; NULL when entered by hand.
    provider text,
    synced_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT projects_org_id_unique UNIQUE (org_id, id),
    CONSTRAINT projects_client_fkey FOREIGN KEY (org_id, client_id)
        REFERENCES clients (org_id, id) ON DELETE CASCADE
);
CREATE INDEX projects_by_client ON projects (org_id, client_id);
CREATE INDEX projects_by_name ON projects (org_id, lower(name), id);
SELECT protect_tenant_table('projects');
