-- The questions that qualify a prospective client, and what came of them.
CREATE TABLE lead_questions (
    id uuid CONSTRAINT lead_questions_pkey PRIMARY KEY,
    org_id uuid NOT NULL CONSTRAINT lead_questions_org_fkey REFERENCES organizations (id) ON DELETE CASCADE,
    position integer NOT NULL CONSTRAINT lead_questions_position_valid CHECK (position >= 0),
    text text NOT NULL,
    label text NOT NULL,
    answer_type text NOT NULL,
    field text NOT NULL,
    required boolean NOT NULL DEFAULT false,
    choices text[] NOT NULL DEFAULT '{}',
    retry_text text,
    CONSTRAINT lead_questions_position_unique UNIQUE (org_id, position) DEFERRABLE INITIALLY DEFERRED
);
SELECT protect_tenant_table('lead_questions');

CREATE TABLE leads (
    id uuid CONSTRAINT leads_pkey PRIMARY KEY,
    org_id uuid NOT NULL CONSTRAINT leads_org_fkey REFERENCES organizations (id) ON DELETE CASCADE,
    -- open: being asked or waiting to be looked at; the rest is the business's verdict.
    status text NOT NULL DEFAULT 'open'
        CONSTRAINT leads_status_known CHECK (status IN ('open', 'contacted', 'qualified', 'won', 'lost')),
    -- Whether every required question was answered.
    complete boolean NOT NULL DEFAULT false,
    priority text NOT NULL DEFAULT 'NORMAL'
        CONSTRAINT leads_priority_known CHECK (priority IN ('LOW', 'NORMAL', 'HIGH', 'URGENT')),
    source text NOT NULL DEFAULT 'voice' CONSTRAINT leads_source_known CHECK (source IN ('voice', 'chat', 'manual')),
    -- The latest conversation about it. No foreign key: retention deletes calls, not leads.
    call_id uuid,
    name text,
    email text,
    phone text,
    company text,
    budget text,
    timeline text,
    service text,
    notes text,
    answers jsonb NOT NULL DEFAULT '[]',
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);
CREATE INDEX leads_newest ON leads (org_id, created_at DESC, id DESC);
CREATE UNIQUE INDEX leads_one_open_per_call ON leads (org_id, call_id) WHERE status = 'open';
CREATE UNIQUE INDEX leads_one_open_per_phone ON leads (org_id, phone) WHERE status = 'open';
CREATE UNIQUE INDEX leads_one_open_per_email ON leads (org_id, lower(email)) WHERE status = 'open';
SELECT protect_tenant_table('leads');
