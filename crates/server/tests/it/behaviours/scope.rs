//! Wishes beyond what was agreed: whoever looks after the project has them before the client has hung up.

use std::sync::{Arc, OnceLock};

use chrono::TimeDelta;
use simulator::smtp::MailServer;

use super::{RINGS, called};
use crate::played::{Brain, Line, NORTHWIND, Scene, on_both_brains};

on_both_brains! {
    an_alert_with_the_clients_words_is_there_within_five_seconds
}

/// From the request's entry until the letter has come (`product/03-conversation`, "Scope guard").
const WITHIN: TimeDelta = TimeDelta::seconds(5);

async fn an_alert_with_the_clients_words_is_there_within_five_seconds(brain: Brain) {
    let mail = Arc::new(MailServer::start(None).await.unwrap());
    let url = format!("smtp+plain://{}", mail.address);
    let settings = vec![("email.transport", "smtp".to_owned()), ("smtp.url", url)];
    let scene = Scene::set(brain, RINGS, &[], settings).await;
    let wish = "could you also design a flyer for the online shop";
    let came_at = Arc::new(OnceLock::new());
    // The client goes on talking when the letter has come: it is not for the end of the call.
    let (letters, seen, ambient) = (Arc::clone(&mail), Arc::clone(&came_at), scene.app().ambient.clone());
    let goes_on = Line::finds(move || {
        let is_there = letters.received().iter().any(|letter| letter.words().contains(wish));
        is_there.then(|| {
            seen.get_or_init(|| ambient.now());
            Line::from("no thank you goodbye")
        })
    });
    let left = called(&scene, NORTHWIND, vec![wish.into(), goes_on]).await;
    assert_eq!(left.changes.len(), 1, "{}", left.told);
    let took = *came_at.get().unwrap() - left.changes[0].created_at;
    assert!(took <= WITHIN, "{took}");
    let letters = mail.received();
    let alerts = letters.iter().filter(|letter| letter.words().contains(wish));
    let to: Vec<&str> = alerts.flat_map(|letter| letter.to.iter().map(String::as_str)).collect();
    assert!(to.contains(&"owner@aurora.example"), "{to:?}");
    scene.stop().await;
}
