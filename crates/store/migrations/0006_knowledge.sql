-- Questions the business answers, found again by PostgreSQL's full text search.

-- array_to_string is only STABLE because of types whose text depends on settings; text is not one of them.
CREATE FUNCTION join_words(words text[]) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT array_to_string(words, ' ') $$;

CREATE TABLE knowledge_entries (
    id uuid CONSTRAINT knowledge_entries_pkey PRIMARY KEY,
    org_id uuid NOT NULL CONSTRAINT knowledge_entries_org_fkey REFERENCES organizations (id) ON DELETE CASCADE,
    category text NOT NULL DEFAULT '',
    question text NOT NULL CONSTRAINT knowledge_entries_question_length CHECK (char_length(question) BETWEEN 1 AND 1000),
    variants text[] NOT NULL DEFAULT '{}',
    answer text NOT NULL CONSTRAINT knowledge_entries_answer_length CHECK (char_length(answer) BETWEEN 1 AND 10000),
    visibility text NOT NULL DEFAULT 'public'
        CONSTRAINT knowledge_entries_visibility_known CHECK (visibility IN ('public', 'clients', 'internal')),
    -- What was asked counts more than what is answered.
    search tsvector NOT NULL GENERATED ALWAYS AS (
        setweight(to_tsvector('english'::regconfig, question), 'A')
        || setweight(to_tsvector('english'::regconfig, join_words(variants)), 'A')
        || setweight(to_tsvector('english'::regconfig, category), 'C')
        || setweight(to_tsvector('english'::regconfig, answer), 'C')
    ) STORED,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX knowledge_entries_search ON knowledge_entries USING gin (search);
CREATE INDEX knowledge_entries_by_age ON knowledge_entries (org_id, id);
SELECT protect_tenant_table('knowledge_entries');
