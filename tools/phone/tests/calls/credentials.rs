//! `auth` asks for a password; the right one is let in and a wrong one is not.

use causeway_phone::events::Event;
use causeway_phone::sip::digest::Credentials;

use crate::support::{Phone, answered, pair};

#[tokio::test]
async fn the_right_password_is_let_in_by_401_and_by_407() {
    let (centre, mut caller) = pair().await;
    for (number, asked) in [("auth", 401), ("proxyauth", 407)] {
        caller.dial(number, &centre).await;
        caller
            .expect(
                "challenge",
                2,
                |e| matches!(e, Event::Challenged { status, .. } if *status == asked),
            )
            .await;
        caller.expect("answer", 3, answered).await;
    }
}

#[tokio::test]
async fn a_wrong_password_is_refused_and_told_to_nobody() {
    let mut centre = Phone::start(|_| {}).await;
    let mut caller = Phone::start(|config| {
        config.credentials = Credentials {
            user: "demo".into(),
            password: "mistaken".into(),
        };
    })
    .await;
    caller.dial("auth", &centre).await;
    assert_eq!(caller.ended().await.0, Some(401));
    centre.drain();
    assert_eq!(centre.count(|e| matches!(e, Event::Invite { .. })), 0);
    assert!(!format!("{:?}{:?}", caller.log, centre.log).contains("mistaken"));
}
