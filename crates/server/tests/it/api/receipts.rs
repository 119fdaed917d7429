//! The carrier's webhooks that are delivered more than once.

use app::calls::status::Delivery;
use chrono::TimeDelta;

use super::world::World;

#[tokio::test]
async fn of_two_deliveries_at_once_the_second_gets_the_answer_of_the_first() {
    let world = World::new().await;
    assert_eq!(world.app.earlier_answer("token-1").await.unwrap(), Delivery::First);
    let second = world.app.earlier_answer("token-1");
    let first = async {
        tokio::task::yield_now().await;
        world.app.keep_answer("token-1", "<Response/>".to_owned()).await.unwrap()
    };
    let (second, kept) = tokio::join!(second, first);
    assert_eq!(second.unwrap(), Delivery::Answered(kept));
}

#[tokio::test]
async fn a_delivery_whose_process_died_is_worked_on_again() {
    let world = World::new().await;
    assert_eq!(world.app.earlier_answer("token-1").await.unwrap(), Delivery::First);
    world.clock.advance(TimeDelta::seconds(16));
    assert_eq!(world.app.earlier_answer("token-1").await.unwrap(), Delivery::First);
}

#[tokio::test]
async fn waiting_has_an_end() {
    let world = World::new().await;
    assert_eq!(world.app.earlier_answer("token-1").await.unwrap(), Delivery::First);
    assert_eq!(world.app.earlier_answer("token-1").await.unwrap(), Delivery::InProgress);
}
