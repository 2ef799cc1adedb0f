//! Who may call whom: nothing that is not allowed in so many words.

use causeway_call::route::{RouteError, Wish, from_browser, from_trunk};
use causeway_directory::*;

const DOCUMENT: &str = r#"
[box]
https = "127.0.0.1:1"
media = "127.0.0.1:2"
[sip]
udp = "127.0.0.1:3"
[rtp]
address = "127.0.0.1"
ports = "20000-20999"
[[trunk]]
name = "branch"
address = "127.0.0.1:4"
numbers = ["2*"]
[[trunk]]
name = "pbx"
address = "127.0.0.1:5"
numbers = ["1*", "+49*"]
[[account]]
id = "anna@example.com"
name = "Anna"
caller_id = "+49 30 77"
[[number]]
number = "+493077"
account = "anna@example.com"
[[app]]
key = "shop"
secret_sha256 = ["0000000000000000000000000000000000000000000000000000000000000000"]
origins = ["https://shop.example"]
destinations = ["100", "2*", "9*", "+4930*", "*@example.com"]
caller_id = "+4930 55"
caller_name = "Web shop"
"#;

struct Asked {
    account: Option<&'static str>,
    token: &'static [&'static str],
    from: Option<&'static str>,
}

const PLAIN: Asked = Asked {
    account: None,
    token: &[],
    from: None,
};

/// Trunk, number and caller of a call, or why there is none.
fn call(asked: &Asked, to: &str) -> Result<String, RouteError> {
    let directory = Directory::new(Config::parse(DOCUMENT).unwrap());
    let token: Vec<DialPattern> = asked
        .token
        .iter()
        .map(|p| DialPattern::parse(p).unwrap())
        .collect();
    let (app, account) = (
        AppKey("shop".into()),
        asked.account.map(|a| AccountId::parse(a).unwrap()),
    );
    let wish = Wish {
        app: &app,
        account: account.as_ref(),
        token_allows: &token,
        to,
        from: asked.from,
    };
    from_browser(&directory, wish).map(|r| {
        format!(
            "{} {} from {}",
            r.trunk.name.get_ref(),
            r.number,
            r.caller_number
        )
    })
}

#[test]
fn numbers_find_their_trunk() {
    assert_eq!(call(&PLAIN, "100").unwrap(), "pbx 100 from +493055");
    assert_eq!(call(&PLAIN, "tel:201").unwrap(), "branch 201 from +493055");
}

#[test]
fn nothing_else_is_allowed() {
    assert!(matches!(call(&PLAIN, "101"), Err(RouteError::Forbidden(_))));
    assert!(matches!(
        call(&PLAIN, "+4940"),
        Err(RouteError::Forbidden(_))
    ));
    assert!(matches!(call(&PLAIN, "911"), Err(RouteError::NoTrunk(_))));
    assert!(matches!(
        call(&PLAIN, "anna@example.com"),
        Err(RouteError::NoTrunk(_))
    ));
    assert!(matches!(
        call(&PLAIN, "sip:100@evil"),
        Err(RouteError::Destination(_))
    ));
}

#[test]
fn a_token_narrows_and_never_widens() {
    let narrow = Asked {
        token: &["100", "101"],
        ..PLAIN
    };
    assert!(call(&narrow, "100").is_ok());
    assert!(matches!(
        call(&narrow, "201"),
        Err(RouteError::Forbidden(_))
    ));
    assert!(matches!(
        call(&narrow, "101"),
        Err(RouteError::Forbidden(_))
    ));
}

#[test]
fn a_person_shows_an_own_number_or_the_apps_and_no_other() {
    let anna = |from| Asked {
        account: Some("anna@example.com"),
        from,
        ..PLAIN
    };
    assert_eq!(call(&anna(None), "100").unwrap(), "pbx 100 from +493077");
    assert_eq!(
        call(&anna(Some("+49 30 55")), "100").unwrap(),
        "pbx 100 from +493055"
    );
    assert!(matches!(
        call(&anna(Some("110")), "100"),
        Err(RouteError::CallerForbidden(_))
    ));
}

#[test]
fn a_pbx_reaches_people_by_their_numbers() {
    let directory = Directory::new(Config::parse(DOCUMENT).unwrap());
    assert_eq!(
        from_trunk(&directory, "493077").unwrap(),
        &NumberTarget::Account(AccountId::parse("anna@example.com").unwrap())
    );
    assert!(matches!(
        from_trunk(&directory, "1"),
        Err(RouteError::UnknownNumber(_))
    ));
}
