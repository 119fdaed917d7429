-- What organizations may use. A plan is data: a change of the offer is a new version of its row, and organizations
-- stay on the version they chose.
CREATE TABLE plans (
    id text NOT NULL CONSTRAINT plans_id_form CHECK (id ~ '^[a-z][a-z0-9_]{1,30}$'),
    version integer NOT NULL CONSTRAINT plans_version_valid CHECK (version >= 1),
    -- The order in which they are offered; a higher one has more.
    rank integer NOT NULL,
    name text NOT NULL,
    description text NOT NULL DEFAULT '',
    currency text NOT NULL DEFAULT 'USD',
    -- Minor units of the currency; the rates of overage in millionths of the unit, as they are fractions of a cent.
    price_per_month_minor bigint NOT NULL CONSTRAINT plans_price_valid CHECK (price_per_month_minor >= 0),
    overage_per_minute_micro bigint,
    overage_per_api_request_micro bigint,
    features text[] NOT NULL,
    -- A limit that is not named is none.
    limits jsonb NOT NULL,
    offered boolean NOT NULL DEFAULT true,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT plans_pkey PRIMARY KEY (id, version)
);
-- Everybody may read the offer; only the system changes it.
ALTER TABLE plans ENABLE ROW LEVEL SECURITY;
ALTER TABLE plans FORCE ROW LEVEL SECURITY;
CREATE POLICY offer ON plans FOR SELECT TO studioconnect_app USING (true);
CREATE POLICY system ON plans TO studioconnect_system USING (true) WITH CHECK (true);
CREATE POLICY owner ON plans TO CURRENT_USER USING (true) WITH CHECK (true);
GRANT SELECT ON plans TO studioconnect_app;
GRANT SELECT, INSERT, UPDATE ON plans TO studioconnect_system;

INSERT INTO plans (id, version, rank, name, price_per_month_minor, overage_per_minute_micro,
                   overage_per_api_request_micro, features, limits)
VALUES
    ('free', 1, 1, 'Free', 0, NULL, NULL,
     '{chat_widget,faq,email_notifications,basic_analytics}',
     '{"lead_questions": 5, "project_tools": 0, "voice_minutes_per_month": 0, "api_requests_per_day": 100, "concurrent_calls": 0}'),
    ('basic', 1, 2, 'Basic', 4900, NULL, NULL,
     '{chat_widget,faq,email_notifications,basic_analytics,knowledge_management}',
     '{"project_tools": 0, "voice_minutes_per_month": 0, "api_requests_per_day": 500, "concurrent_calls": 0}'),
    ('pro', 1, 3, 'Pro – AI Studio Manager', 29900, 120000, 1000,
     '{chat_widget,faq,email_notifications,basic_analytics,knowledge_management,phone_answering,voice_and_persona,call_summaries,urgent_phone_alerts,all_engines,vad_settings,session_analytics,websocket_monitor,hidden_branding}',
     '{"project_tools": 1, "voice_minutes_per_month": 500, "api_requests_per_day": 1000, "concurrent_calls": 5}'),
    ('enterprise', 1, 4, 'Enterprise – AI Account Manager', 99900, 100000, 500,
     '{chat_widget,faq,email_notifications,basic_analytics,knowledge_management,phone_answering,voice_and_persona,call_summaries,urgent_phone_alerts,all_engines,vad_settings,session_analytics,websocket_monitor,hidden_branding,scheduled_sync,client_recognition,project_status,document_answers,scope_guard,digest,advanced_analytics,single_sign_on}',
     '{"voice_minutes_per_month": 2000, "api_requests_per_day": 5000, "concurrent_calls": 20}');

-- Whoever is there already had everything; who comes later begins with the free plan.
ALTER TABLE organizations
    ADD COLUMN plan_id text NOT NULL DEFAULT 'enterprise',
    ADD COLUMN plan_version integer NOT NULL DEFAULT 1,
    ADD CONSTRAINT organizations_plan_fkey FOREIGN KEY (plan_id, plan_version) REFERENCES plans (id, version);
ALTER TABLE organizations ALTER COLUMN plan_id SET DEFAULT 'free';

-- Who acted may be a program, and a person may act for a child of their own organization.
ALTER TABLE audit_log
    ADD COLUMN api_key_id uuid,
    ADD COLUMN home_org_id uuid;
