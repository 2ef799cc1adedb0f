//! Asterisk sees who calls, and the token that leads to what the page knows.

use std::time::Duration;

use causeway_harness::config::CALLER_ID;
use causeway_interop::{Pbx, available};
use serde_json::json;

#[tokio::test]
async fn asterisk_sees_caller_id_and_user_to_user() {
    if !available() {
        return;
    }
    let pbx = Pbx::start(None).await.unwrap();
    let mark = pbx.asterisk.mark();
    pbx.phone
        .place_with(json!({"to": "100", "context": {"order": "A-17"}}))
        .await
        .unwrap();
    pbx.phone.answered().await.unwrap();
    let line = pbx
        .asterisk
        .logged(mark, &["CALLER"], Duration::from_secs(5))
        .await
        .unwrap();
    assert!(line.contains(&format!("CALLER {CALLER_ID} ")), "{line}");
    assert!(line.contains("NAME Demo page "), "{line}");
    let uui = line
        .split("UUI ")
        .nth(1)
        .and_then(|rest| rest.split(" TO ").next())
        .unwrap();
    let (token, parameters) = uui.split_once(';').expect("a token and its encoding");
    assert!(parameters.contains("encoding=hex"), "{uui}");
    let bytes: Vec<u8> = (0..token.len() / 2)
        .map(|i| u8::from_str_radix(&token[2 * i..2 * i + 2], 16).unwrap())
        .collect();
    let text = String::from_utf8(bytes).unwrap_or_default();

    // The header spells the token in hexadecimal; the box knows it either way.
    let mut found = Vec::new();
    for name in [token, text.as_str()] {
        if let Ok(context) = pbx
            .causeway
            .admin(&format!("/api/v1/contexts/{name}"))
            .await
        {
            found.push(context);
        }
    }
    assert_eq!(
        found.first().expect("a context")["context"]["order"],
        "A-17"
    );
    pbx.phone.hang_up().await.unwrap();
    pbx.end().await.unwrap();
}
