//! What an agency of the tests has.

use chrono::{DateTime, TimeDelta, Utc};
use domain::leads::{AnswerType, LeadAnswer, LeadField, LeadQuestion, Priority};
use store::OrgTx;

use super::world::Agency;

/// What it has before anybody calls: an agent, a number, a client, a project, knowledge.
pub(super) async fn furnish(tx: &mut OrgTx, agency: &Agency, digit: u8, now: DateTime<Utc>) {
    let settings = store::agents::AgentSettings {
        name: "Nova".to_owned(),
        language: "en-US".to_owned(),
        voice: String::new(),
        greeting: String::new(),
        client_greeting: String::new(),
        greeting_interruptible: true,
        engine: "pipeline".to_owned(),
        ..store::agents::AgentSettings::default()
    };
    store::agents::insert(tx, agency.agent, &settings, now).await.unwrap();
    let number = store::numbers::Number {
        id: agency.number,
        agent_id: agency.agent,
        e164: format!("+1513555010{digit}"),
        label: String::new(),
        fallback_number: None,
        recording: true,
        notice: String::new(),
        greeting: String::new(),
    };
    store::numbers::insert(tx, &number).await.unwrap();
    let contact = store::clients::Contact {
        kind: store::clients::ContactKind::Phone,
        value: "+15135550199".to_owned(),
        person: Some("Maria Lopez".to_owned()),
    };
    let facts = store::clients::ClientFacts {
        name: "Northwind Coffee".to_owned(),
        contacts: vec![contact],
        ..Default::default()
    };
    store::clients::insert(tx, agency.client, &facts, now).await.unwrap();
    let facts = store::projects::ProjectFacts {
        aliases: vec!["the site".to_owned()],
        last_update: Some("The home page is drawn.".to_owned()),
        ..store::projects::ProjectFacts::named(agency.client, "Website relaunch", "active")
    };
    store::projects::insert(tx, agency.project, &facts, now).await.unwrap();
    let content = store::knowledge::EntryContent {
        category: String::new(),
        question: "When are you open?".to_owned(),
        variants: Vec::new(),
        answer: "Nine to six.".to_owned(),
        visibility: store::knowledge::Visibility::Public,
    };
    store::knowledge::insert(tx, agency.entry, &content, now).await.unwrap();
}

/// What a call left behind.
pub(super) async fn remember(tx: &mut OrgTx, agency: &Agency, now: DateTime<Utc>) {
    let question = LeadQuestion {
        id: agency.question(),
        text: "What is your name?".to_owned(),
        label: "Name".to_owned(),
        answer_type: AnswerType::Name,
        field: LeadField::Name,
        required: true,
        choices: Vec::new(),
        retry_text: None,
        skip_when: None,
        urgency_weight: 0,
    };
    store::lead_questions::replace(tx, std::slice::from_ref(&question)).await.unwrap();
    let conversation = store::leads::capture::Conversation {
        call_id: agency.call,
        caller_phone: Some("+15135550199".to_owned()),
        new_lead: agency.lead,
    };
    let answer = LeadAnswer {
        question: question.id,
        field: LeadField::Name,
        said: "maria lopez".to_owned(),
        value: "Maria Lopez".to_owned(),
    };
    store::leads::capture::save_answer(tx, &conversation, &answer, now).await.unwrap();
    let message = store::messages::Message {
        id: agency.message(),
        call_id: Some(agency.call),
        from_name: Some("Maria Lopez".to_owned()),
        reply_to: None,
        text: "Please call back.".to_owned(),
        priority: Priority::Normal,
        created_at: now,
    };
    store::messages::insert(tx, &message).await.unwrap();
    let incident = store::incidents::Incident {
        id: agency.incident(),
        subject: "somebody".to_owned(),
        state: store::incidents::IncidentState::Unanswered,
        score: 9,
        reason: "The shop is down.".to_owned(),
        details: None,
        caller_name: None,
        caller_number: None,
        client_id: Some(agency.client),
        our_number: None,
        settings: domain::escalation::EscalationSettings::default(),
        told: true,
        raised_at: now,
        acknowledged_at: None,
        acknowledged_by: None,
        next_at: None,
        updated_at: now,
    };
    store::incidents::insert(tx, &incident).await.unwrap();
    let request = store::change_requests::ChangeRequest {
        id: agency.change_request(),
        client_id: Some(agency.client),
        project_id: Some(agency.project),
        call_id: None,
        quote: "Could you also design a flyer?".to_owned(),
        words: "could you also design a flyer".to_owned(),
        confidence: 0.9,
        manager: "Dana".to_owned(),
        state: store::change_requests::ChangeState::Draft,
        note: String::new(),
        created_at: now,
        updated_at: now,
    };
    store::change_requests::insert_once(tx, &request, now).await.unwrap();
    let callback = store::callbacks::Callback {
        id: agency.callback(),
        purpose: store::callbacks::CallbackPurpose::Callback,
        asked_in: None,
        became: None,
        agent_id: agency.agent,
        number_id: agency.number,
        our_number: "+15135550100".to_owned(),
        number: "+15135550199".to_owned(),
        name: None,
        about: String::new(),
        due_at: now + TimeDelta::days(30),
        state: domain::callbacks::CallbackState::Waiting,
        since: now,
        placed_at: None,
        call_sid: None,
        next_at: None,
        created_at: now,
        updated_at: now,
    };
    assert!(store::callbacks::insert(tx, &callback).await.unwrap());
}
