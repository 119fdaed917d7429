-- What the records of daily work need to be kept, found and ordered: fields, the columns that lists are sorted by,
-- and an index for every way in which the API narrows or orders a long list. Row-level security keeps conditions
-- that are not leakproof away from indexes, so lists are ordered and narrowed by plain columns.

ALTER TABLE clients
    ADD COLUMN tags text[] NOT NULL DEFAULT '{}',
    -- recognised: greeted by name when they call; internal: in the book, but unknown on the phone.
    ADD COLUMN visibility text NOT NULL DEFAULT 'recognised'
        CONSTRAINT clients_visibility_known CHECK (visibility IN ('recognised', 'internal')),
    ADD COLUMN name_key text GENERATED ALWAYS AS (lower(name)) STORED NOT NULL;
DROP INDEX clients_by_name;
CREATE INDEX clients_by_name ON clients (org_id, name_key, id);
CREATE INDEX clients_newest ON clients (org_id, created_at DESC, id DESC);
CREATE INDEX clients_by_change ON clients (org_id, updated_at DESC, id DESC);

ALTER TABLE projects
    ADD COLUMN progress_percent smallint
        CONSTRAINT projects_progress_range CHECK (progress_percent BETWEEN 0 AND 100),
    ADD COLUMN people text[] NOT NULL DEFAULT '{}',
    ADD COLUMN link text,
    ADD COLUMN archived_at timestamptz,
    ADD COLUMN name_key text GENERATED ALWAYS AS (lower(name)) STORED NOT NULL,
    -- What has no date is due last.
    ADD COLUMN due_key date GENERATED ALWAYS AS (COALESCE(due_on, '9999-12-31'::date)) STORED NOT NULL;
DROP INDEX projects_by_name;
CREATE INDEX projects_by_name ON projects (org_id, name_key, id);
CREATE INDEX projects_newest ON projects (org_id, created_at DESC, id DESC);
CREATE INDEX projects_by_change ON projects (org_id, updated_at DESC, id DESC);
CREATE INDEX projects_by_due ON projects (org_id, due_key, id);

ALTER TABLE knowledge_entries
    ADD COLUMN question_key text GENERATED ALWAYS AS (lower(left(question, 200))) STORED NOT NULL;
CREATE INDEX knowledge_entries_newest ON knowledge_entries (org_id, created_at DESC, id DESC);
CREATE INDEX knowledge_entries_by_change ON knowledge_entries (org_id, updated_at DESC, id DESC);
CREATE INDEX knowledge_entries_by_category ON knowledge_entries (org_id, category, created_at DESC, id DESC);
CREATE INDEX knowledge_entries_by_question ON knowledge_entries (org_id, question_key, id);

-- Who looks after it: a member, or nobody when they leave.
ALTER TABLE leads
    ADD COLUMN assignee_id uuid,
    ADD CONSTRAINT leads_assignee_fkey FOREIGN KEY (org_id, assignee_id)
        REFERENCES members (org_id, user_id) ON DELETE SET NULL (assignee_id);
CREATE INDEX leads_by_change ON leads (org_id, updated_at DESC, id DESC);
CREATE INDEX leads_by_status ON leads (org_id, status, created_at DESC, id DESC);
CREATE INDEX leads_by_priority ON leads (org_id, priority, created_at DESC, id DESC);
CREATE INDEX leads_by_assignee ON leads (org_id, assignee_id, created_at DESC, id DESC) WHERE assignee_id IS NOT NULL;
CREATE INDEX leads_by_call ON leads (org_id, call_id) WHERE call_id IS NOT NULL;
CREATE INDEX leads_by_phone ON leads (org_id, phone) WHERE phone IS NOT NULL;

ALTER TABLE messages
    ADD COLUMN handled_at timestamptz,
    -- No foreign key: who dealt with it stays known when they leave.
    ADD COLUMN handled_by uuid,
    ADD COLUMN assignee_id uuid,
    ADD COLUMN updated_at timestamptz NOT NULL DEFAULT now(),
    ADD CONSTRAINT messages_assignee_fkey FOREIGN KEY (org_id, assignee_id)
        REFERENCES members (org_id, user_id) ON DELETE SET NULL (assignee_id);
UPDATE messages SET updated_at = created_at;
CREATE INDEX messages_unhandled ON messages (org_id, created_at DESC, id DESC) WHERE handled_at IS NULL;
CREATE INDEX messages_by_assignee ON messages (org_id, assignee_id, created_at DESC, id DESC)
    WHERE assignee_id IS NOT NULL;
CREATE INDEX messages_by_call ON messages (org_id, call_id) WHERE call_id IS NOT NULL;

-- One index per narrowing of the longest list. The common statuses and the inbound direction are found quickly by
-- age alone; what is rare has an index of its own.
DROP INDEX calls_by_client;
DROP INDEX calls_by_agent;
DROP INDEX calls_by_number;
CREATE INDEX calls_by_client ON calls (org_id, client_id, started_at DESC, id DESC) WHERE client_id IS NOT NULL;
CREATE INDEX calls_by_agent ON calls (org_id, agent_id, started_at DESC, id DESC);
CREATE INDEX calls_by_number ON calls (org_id, number_id, started_at DESC, id DESC);
CREATE INDEX calls_by_caller ON calls (org_id, from_number, started_at DESC, id DESC) WHERE from_number IS NOT NULL;
CREATE INDEX calls_by_status ON calls (org_id, status, started_at DESC, id DESC);
CREATE INDEX calls_by_intent ON calls (org_id, intent, started_at DESC, id DESC) WHERE intent IS NOT NULL;
CREATE INDEX calls_by_lead ON calls (org_id, lead_id, started_at DESC, id DESC) WHERE lead_id IS NOT NULL;
CREATE INDEX calls_outbound ON calls (org_id, started_at DESC, id DESC) WHERE direction = 'outbound';
CREATE INDEX calls_urgent ON calls (org_id, started_at DESC, id DESC) WHERE urgency_score >= 5;
CREATE INDEX calls_recorded ON calls (org_id, started_at DESC, id DESC) WHERE recording_key IS NOT NULL;

-- Words of the transcript, in whatever language; read by the system's role, see store::calls::search.
CREATE INDEX turns_words ON turns USING gin (to_tsvector('simple'::regconfig, text));

-- Clients' verdicts on conversations and projects.
CREATE TABLE satisfaction (
    id uuid CONSTRAINT satisfaction_pkey PRIMARY KEY,
    org_id uuid NOT NULL CONSTRAINT satisfaction_org_fkey REFERENCES organizations (id) ON DELETE CASCADE,
    client_id uuid,
    project_id uuid,
    -- No foreign key: retention deletes calls, not verdicts.
    call_id uuid,
    scale text NOT NULL CONSTRAINT satisfaction_scale_known CHECK (scale IN ('csat', 'nps')),
    score smallint NOT NULL,
    comment text NOT NULL DEFAULT '',
    source text NOT NULL CONSTRAINT satisfaction_source_known
        CHECK (source IN ('voice', 'chat', 'project_tool', 'manual')),
    -- When it was given, which may be before it was entered.
    given_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT satisfaction_score_range CHECK (
        (scale = 'csat' AND score BETWEEN 1 AND 5) OR (scale = 'nps' AND score BETWEEN 0 AND 10)),
    CONSTRAINT satisfaction_client_fkey FOREIGN KEY (org_id, client_id)
        REFERENCES clients (org_id, id) ON DELETE SET NULL (client_id),
    CONSTRAINT satisfaction_project_fkey FOREIGN KEY (org_id, project_id)
        REFERENCES projects (org_id, id) ON DELETE SET NULL (project_id)
);
CREATE INDEX satisfaction_newest ON satisfaction (org_id, given_at DESC, id DESC);
CREATE INDEX satisfaction_by_client ON satisfaction (org_id, client_id, given_at DESC, id DESC)
    WHERE client_id IS NOT NULL;
CREATE INDEX satisfaction_by_project ON satisfaction (org_id, project_id, given_at DESC, id DESC)
    WHERE project_id IS NOT NULL;
CREATE INDEX satisfaction_by_call ON satisfaction (org_id, call_id) WHERE call_id IS NOT NULL;
SELECT protect_tenant_table('satisfaction');

-- How the chat widget looks and greets; one per organization.
CREATE TABLE widget_configs (
    org_id uuid CONSTRAINT widget_configs_pkey PRIMARY KEY
        CONSTRAINT widget_configs_org_fkey REFERENCES organizations (id) ON DELETE CASCADE,
    config jsonb NOT NULL,
    updated_at timestamptz NOT NULL
);
SELECT protect_tenant_table('widget_configs');
