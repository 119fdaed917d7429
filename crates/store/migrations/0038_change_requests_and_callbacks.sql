-- Requests for more than was agreed, as drafts that somebody decides on; calls that are to be made.
CREATE TABLE change_requests (
    id uuid CONSTRAINT change_requests_pkey PRIMARY KEY,
    org_id uuid NOT NULL CONSTRAINT change_requests_org_fkey REFERENCES organizations (id) ON DELETE CASCADE,
    client_id uuid,
    project_id uuid,
    -- No foreign key: retention deletes calls, not requests.
    call_id uuid,
    -- The client's own words.
    quote text NOT NULL CONSTRAINT change_requests_quote_length CHECK (char_length(quote) BETWEEN 1 AND 1000),
    -- The same words without case and marks: a request is written down once, however often it is made.
    words text NOT NULL,
    confidence real NOT NULL CONSTRAINT change_requests_confidence_range CHECK (confidence BETWEEN 0 AND 1),
    -- Who was named to the client.
    manager text NOT NULL,
    state text NOT NULL CONSTRAINT change_requests_state_known
        CHECK (state IN ('draft', 'confirmed', 'declined', 'done')),
    note text NOT NULL DEFAULT '' CONSTRAINT change_requests_note_length CHECK (char_length(note) <= 2000),
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT change_requests_client_fkey FOREIGN KEY (org_id, client_id)
        REFERENCES clients (org_id, id) ON DELETE SET NULL (client_id),
    CONSTRAINT change_requests_project_fkey FOREIGN KEY (org_id, project_id)
        REFERENCES projects (org_id, id) ON DELETE SET NULL (project_id)
);
CREATE INDEX change_requests_newest ON change_requests (org_id, created_at DESC, id DESC);
CREATE INDEX change_requests_by_client ON change_requests (org_id, client_id, created_at DESC, id DESC);
CREATE INDEX change_requests_by_project ON change_requests (org_id, project_id, created_at DESC, id DESC)
    WHERE project_id IS NOT NULL;
SELECT protect_tenant_table('change_requests');

-- Calls that are to be made: what callers asked for, and what the business asks for. The row's state is what makes a
-- call happen once.
CREATE TABLE callbacks (
    id uuid CONSTRAINT callbacks_pkey PRIMARY KEY,
    org_id uuid NOT NULL CONSTRAINT callbacks_org_fkey REFERENCES organizations (id) ON DELETE CASCADE,
    purpose text NOT NULL CONSTRAINT callbacks_purpose_known CHECK (purpose IN ('callback', 'request', 'test')),
    -- The conversation it was asked for in, and the one it became. No foreign keys: retention deletes calls.
    asked_in uuid,
    became uuid,
    agent_id uuid NOT NULL,
    number_id uuid NOT NULL,
    our_number text NOT NULL,
    number text NOT NULL,
    name text,
    about text NOT NULL DEFAULT '' CONSTRAINT callbacks_about_length CHECK (char_length(about) <= 500),
    due_at timestamptz NOT NULL,
    state text NOT NULL CONSTRAINT callbacks_state_known CHECK (state IN (
        'waiting', 'placing', 'ringing', 'talking', 'done', 'machine', 'no_answer', 'busy', 'failed', 'cancelled')),
    since timestamptz NOT NULL,
    placed_at timestamptz,
    call_sid text CONSTRAINT callbacks_call_sid_unique UNIQUE,
    next_at timestamptz,
    leased_until timestamptz,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT callbacks_agent_fkey FOREIGN KEY (org_id, agent_id) REFERENCES agents (org_id, id)
);
CREATE INDEX callbacks_newest ON callbacks (org_id, created_at DESC, id DESC);
CREATE INDEX callbacks_by_state ON callbacks (org_id, state, created_at DESC, id DESC);
CREATE INDEX callbacks_by_call ON callbacks (org_id, became) WHERE became IS NOT NULL;
CREATE INDEX callbacks_due ON callbacks (next_at) WHERE next_at IS NOT NULL;
-- A caller who asks twice in one conversation is called back once.
CREATE UNIQUE INDEX callbacks_once_per_conversation ON callbacks (org_id, asked_in) WHERE asked_in IS NOT NULL;
SELECT protect_tenant_table('callbacks');
