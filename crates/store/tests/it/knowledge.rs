//! Finding the entry a caller means.

use domain::ids::KnowledgeId;
use store::OrgTx;
use store::knowledge::{self, EntryContent, Visibility};

use crate::agency::{Agency, id, minute, open};

async fn filled() -> Agency {
    let agency = open().await;
    let mut tx = agency.tx().await;
    for (number, question, variant, answer, visibility) in [
        (10, "What are your opening hours?", "when are you open", "Nine to six.", Visibility::Public),
        (
            11,
            "How much does a website cost?",
            "price of a web site",
            "From eight thousand.",
            Visibility::Public,
        ),
        (12, "Where do I pay my invoice?", "billing portal", "At the portal.", Visibility::Clients),
        (13, "What is our margin on a website?", "profit", "Forty percent.", Visibility::Internal),
    ] {
        let content = EntryContent {
            category: "studio".to_owned(),
            question: question.to_owned(),
            variants: vec![variant.to_owned()],
            answer: answer.to_owned(),
            visibility,
        };
        knowledge::insert(&mut tx, KnowledgeId(id(number)), &content, minute(0)).await.expect("an entry");
    }
    tx.commit().await.expect("a commit");
    agency
}

async fn found(tx: &mut OrgTx, terms: &[&str], visibilities: &[Visibility]) -> Vec<u128> {
    let terms: Vec<String> = terms.iter().map(|&term| term.to_owned()).collect();
    let candidates = knowledge::search(tx, &terms, visibilities, 5).await.expect("a search");
    candidates.into_iter().map(|candidate| candidate.entry.id.0.as_u128()).collect()
}

#[tokio::test]
async fn words_are_found_in_every_form() {
    let agency = filled().await;
    let mut tx = agency.tx().await;
    let public = [Visibility::Public];
    assert_eq!(found(&mut tx, &["websites", "costs"], &public).await, [11]);
    assert_eq!(found(&mut tx, &["opened", "hour"], &public).await, [10]);
    // The question outweighs the answer, several words one.
    assert_eq!(found(&mut tx, &["website", "cost", "hours"], &public).await.first(), Some(&11));
    assert_eq!(found(&mut tx, &["balloon"], &public).await, [0; 0]);
}

#[tokio::test]
async fn an_answer_is_found_only_by_those_who_may_hear_it() {
    let agency = filled().await;
    let mut tx = agency.tx().await;
    assert_eq!(found(&mut tx, &["website"], &[Visibility::Public]).await, [11]);
    assert_eq!(found(&mut tx, &["invoice"], &[Visibility::Public]).await, [0; 0]);
    assert_eq!(found(&mut tx, &["invoice"], &[Visibility::Public, Visibility::Clients]).await, [12]);
    let mut rival = agency.rival_tx().await;
    assert_eq!(found(&mut rival, &["website"], &[Visibility::Public]).await, [0; 0]);
    let spoken = knowledge::all_spoken(&mut tx).await.expect("a list");
    assert_eq!(spoken.len(), 3);
}

#[tokio::test]
async fn a_callers_words_are_never_query_syntax() {
    let agency = filled().await;
    let mut tx = agency.tx().await;
    for term in ["website & !cost | (", "':*", "\\", "the", "", "website') OR true --", "<->"] {
        knowledge::search(&mut tx, &[term.to_owned()], &[Visibility::Public], 5).await.expect(term);
    }
    // Words of no meaning match nothing rather than everything.
    assert_eq!(found(&mut tx, &["the", ""], &[Visibility::Public]).await, [0; 0]);
    assert_eq!(found(&mut tx, &[], &[Visibility::Public]).await, [0; 0]);
}

#[tokio::test]
async fn a_changed_entry_is_found_by_its_new_words() {
    let agency = filled().await;
    let mut tx = agency.tx().await;
    let entry = KnowledgeId(id(10));
    let mut content = knowledge::get(&mut tx, entry).await.expect("the entry").content;
    content.variants = vec!["do you have a parking lot".to_owned()];
    content.question = "Can I park?".to_owned();
    knowledge::update(&mut tx, entry, &content, minute(1)).await.expect("a change");
    assert_eq!(found(&mut tx, &["parking"], &[Visibility::Public]).await, [10]);
    assert_eq!(found(&mut tx, &["hours"], &[Visibility::Public]).await, [0; 0]);
    knowledge::delete(&mut tx, entry).await.expect("a removal");
    assert_eq!(found(&mut tx, &["parking"], &[Visibility::Public]).await, [0; 0]);
}
