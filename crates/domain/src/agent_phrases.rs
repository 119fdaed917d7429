//! What the agent says, as data: every phrase has variants, so that it need not say the same twice in a row.

use std::sync::LazyLock;

use crate::language::Sections;

static PHRASES: LazyLock<Sections> =
    LazyLock::new(|| Sections::read(include_str!("../data/en/agent_phrases.txt")));

macro_rules! phrases {
    ($($(#[$doc:meta])* $name:ident = $key:literal,)*) => {
        /// A thing the agent says.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Phrase { $($(#[$doc])* $name,)* }

        impl Phrase {
            /// Every phrase.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The section of the language pack.
            #[must_use]
            pub const fn key(self) -> &'static str {
                match self { $(Self::$name => $key,)* }
            }
        }
    };
}

phrases! {
    /// First words to a new caller.
    GreetStranger = "greet_stranger",
    /// First words to a recognised client.
    GreetClient = "greet_client",
    /// Asks for more.
    AnythingElse = "anything_else",
    /// Last words.
    Goodbye = "goodbye",
    /// Asks how satisfied the caller is.
    AskSatisfaction = "ask_satisfaction",
    /// The caller has said how satisfied they are.
    SatisfactionThanks = "satisfaction_thanks",
    /// First prompt in silence.
    SilenceFirst = "silence_first",
    /// Second prompt in silence.
    SilenceSecond = "silence_second",
    /// Last words after silence.
    SilenceGoodbye = "silence_goodbye",
    /// Last words at the time limit.
    TimeIsUp = "time_is_up",
    /// The words were not understood.
    NotUnderstood = "not_understood",
    /// No stored answer fits.
    DontKnow = "dont_know",
    /// Something that only a person may say.
    NotForMeToSay = "not_for_me_to_say",
    /// Two failures in a row.
    OfferHuman = "offer_human",
    /// No stored answer fits, in the middle of the lead flow.
    OneForContact = "one_for_contact",
    /// Offers to take a message.
    OfferMessage = "offer_message",
    /// Answer to "how are you".
    FineThanks = "fine_thanks",
    /// Answer to "are you a robot".
    VirtualAssistant = "virtual_assistant",
    /// The agent's name.
    MyName = "my_name",
    /// What can be done here.
    Help = "help",
    /// The caller asks whether they reached whom they meant.
    Reached = "reached",
    /// The caller meant to call somebody else.
    WrongNumber = "wrong_number",
    /// The caller was called from here: who it was can't be seen.
    MissedCall = "missed_call",
    /// Somebody listens.
    HearYou = "hear_you",
    /// "The number I call from", which does not show.
    NumberHidden = "number_hidden",
    /// The caller does not want to say how they can be reached.
    LeadRefused = "lead_refused",
    /// Hello once more.
    HelloAgain = "hello_again",
    /// Answer to thanks.
    Welcome = "welcome",
    /// The caller needs a moment.
    TakeYourTime = "take_your_time",
    /// Nothing said yet that could be repeated.
    NothingToRepeat = "nothing_to_repeat",
    /// The caller wants out.
    NeverMind = "never_mind",
    /// A simple acknowledgement.
    Alright = "alright",
    /// A tool failed.
    ToolFailed = "tool_failed",
    /// A stranger asks for a project.
    StatusForClientsOnly = "status_for_clients_only",
    /// A stranger asks for a project and may prove to be its client: by what are they known?
    AskClientKey = "ask_client_key",
    /// That was neither a client number nor an address.
    RetryClientKey = "retry_client_key",
    /// A one-time code is on its way, if there is anybody to send it to.
    CodeSent = "code_sent",
    /// That were no six digits.
    RetryCode = "retry_code",
    /// It is another code.
    WrongCode = "wrong_code",
    /// A tool did not work, told by another platform's agent.
    FunctionFailed = "function_failed",
    /// A tool is not for this caller, told by another platform's agent.
    FunctionRefused = "function_refused",
    /// The caller proved to be the client.
    Identified = "identified",
    /// The caller did not; a message is offered.
    NotIdentified = "not_identified",
    /// A client has no projects.
    NoProjects = "no_projects",
    /// Which of several projects.
    WhichProject = "which_project",
    /// No project of that name.
    NoSuchProject = "no_such_project",
    /// The lead flow begins.
    LeadBegins = "lead_begins",
    /// Back to the lead flow after a question.
    LeadResumes = "lead_resumes",
    /// The lead flow is complete.
    LeadComplete = "lead_complete",
    /// The lead flow ended early.
    LeadAbandoned = "lead_abandoned",
    /// A question is skipped.
    LeadSkips = "lead_skips",
    /// An answer was corrected.
    LeadCorrected = "lead_corrected",
    /// Between two questions.
    LeadTransition = "lead_transition",
    /// Between two questions, once the name is known.
    LeadThanksName = "lead_thanks_name",
    /// Reads an e-mail address back.
    ReadBackEmail = "read_back_email",
    /// Reads a phone number back.
    ReadBackPhone = "read_back_phone",
    /// Reads an address back once more.
    ReadBackAgain = "read_back_again",
    /// What was read back was wrong: e-mail.
    SpellEmail = "spell_email",
    /// What was read back was wrong: phone.
    RepeatPhone = "repeat_phone",
    /// Retry: name.
    RetryName = "retry_name",
    /// Retry: no "at" in the address.
    RetryEmailNoAt = "retry_email_no_at",
    /// Retry: e-mail.
    RetryEmail = "retry_email",
    /// Retry: phone.
    RetryPhone = "retry_phone",
    /// Retry: one of the choices.
    RetryChoice = "retry_choice",
    /// Retry: amount.
    RetryMoney = "retry_money",
    /// Retry: date.
    RetryDate = "retry_date",
    /// Retry: yes or no.
    RetryYesNo = "retry_yes_no",
    /// Retry: anything else.
    RetryText = "retry_text",
    /// Offers the transfer.
    OfferTransfer = "offer_transfer",
    /// The transfer begins.
    Transferring = "transferring",
    /// Nobody to transfer to.
    NobodyThere = "nobody_there",
    /// The caller is back: nobody took them.
    NotConnected = "not_connected",
    /// Asks for the message.
    AskMessage = "ask_message",
    /// Asks for the name of who leaves a message.
    AskMessageName = "ask_message_name",
    /// Asks whether to answer to the calling number.
    AskCallingNumber = "ask_calling_number",
    /// A call back is arranged.
    CallbackScheduled = "callback_scheduled",
    /// Asks for a number to answer to.
    AskReplyTo = "ask_reply_to",
    /// The message is on its way.
    MessageTaken = "message_taken",
    /// A call is urgent; somebody can be connected.
    UrgentConnect = "urgent_connect",
    /// A call is urgent; details are taken.
    UrgentCapture = "urgent_capture",
    /// Where, or whose account.
    UrgentAskPlace = "urgent_ask_place",
    /// What happens.
    UrgentAskWhat = "urgent_ask_what",
    /// The urgent message is on its way.
    UrgentTaken = "urgent_taken",
    /// A client asks for more than was agreed.
    ScopeNeutral = "scope_neutral",
    /// What was promised to the caller in earlier calls, and what was to be passed on, is told behind this.
    StillOpen = "still_open",
    /// A complaint.
    ComplaintSorry = "complaint_sorry",
    /// A meeting is wanted.
    MeetingWanted = "meeting_wanted",
    /// Something does not work.
    SupportSorry = "support_sorry",
    /// A question about an invoice that no entry answers.
    BillingPassOn = "billing_pass_on",
    /// Cold callers.
    NoThanksSpam = "no_thanks_spam",
    /// Asks for yes or no once more.
    YesOrNo = "yes_or_no",
    /// The call was cut off and goes on.
    CutOff = "cut_off",
    /// The call goes on, and nothing was open.
    WhereWereWe = "where_were_we",
    /// The caller's last words were lost.
    WordsLost = "words_lost",
    /// While something is looked up.
    WaitingToLook = "waiting_to_look",
    /// While something is written down.
    WaitingToNote = "waiting_to_note",
    /// While the call is connected or ended.
    WaitingToConnect = "waiting_to_connect",
}

/// One variant of a phrase; `turn` counts how often it was said.
#[must_use]
pub fn variant(phrase: Phrase, turn: usize) -> &'static str {
    let variants = PHRASES.get(phrase.key());
    variants.get(turn % variants.len().max(1)).copied().unwrap_or_default()
}

/// Fills the `{names}` of a template; unknown names stay.
#[must_use]
pub fn fill(template: &str, values: &[(&str, &str)]) -> String {
    values.iter().fold(template.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
}

/// Every sentence the agent can say that does not depend on the conversation, for rendering in advance.
/// `{business}`, `{agent}` and `{contact}` are filled in.
#[must_use]
pub fn fixed(business: &str, agent: &str, contact: &str) -> Vec<String> {
    let mut sentences: Vec<String> =
        templates(business, agent, contact).into_iter().filter(|sentence| !sentence.contains('{')).collect();
    sentences.dedup();
    sentences
}

/// Every sentence the agent can say; what depends on the conversation is left as `{value}`, `{name}`,
/// `{first_name}` or `{choices}`.
#[must_use]
pub fn templates(business: &str, agent: &str, contact: &str) -> Vec<String> {
    let values = [("business", business), ("agent", agent), ("contact", contact)];
    PHRASES.iter().flat_map(|(_, variants)| variants).map(|template| fill(template, &values)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_phrase_has_words_and_every_section_is_used() {
        for &phrase in Phrase::ALL {
            assert!(!variant(phrase, 0).is_empty(), "{}", phrase.key());
        }
        for (name, _) in PHRASES.iter() {
            assert!(Phrase::ALL.iter().any(|p| p.key() == name), "section {name} is said by nobody");
        }
    }

    #[test]
    fn phrases_said_often_have_variants() {
        for phrase in [Phrase::LeadTransition, Phrase::NotUnderstood, Phrase::AnythingElse, Phrase::DontKnow]
        {
            assert_ne!(variant(phrase, 0), variant(phrase, 1), "{}", phrase.key());
        }
    }

    #[test]
    fn fixed_sentences_have_no_holes() {
        let all = fixed("Aurora", "Ava", "Dana");
        assert!(all.len() > 40);
        assert!(all.iter().all(|s| !s.contains('{')));
    }
}
