//! Who asks for the password. The trunk is told; another trunk to which the answer led the dialog, and a stranger, are not.

use std::time::Duration;

use causeway_harness::load::Load;

use crate::script::{OTHER_PBX, PBX, Peer, SDP, STRANGER, causeway, header, metric, response};

const CHALLENGE: &str =
    "WWW-Authenticate: Digest realm=\"pbx\",nonce=\"n\",qop=\"auth\",algorithm=MD5\r\n";

#[tokio::test]
async fn the_password_is_for_the_trunk_alone() {
    let (pbx, other) = (Peer::at(PBX, 0).await, Peer::at(OTHER_PBX, 0).await);
    let stranger = Peer::at(STRANGER, 0).await;
    let keys = "username = \"box\"\npassword = \"geheim\"\n";
    let causeway = causeway(&pbx, &other, keys).await;
    let sip = causeway.plan().sip;
    let mut load = Load::new(1, 1, 1.0);
    load.to = "100".to_owned();
    let call = load.run(&causeway);

    let far_side = async {
        let invite = pbx.expect("INVITE ").await;
        assert_eq!(header(&invite, "Authorization"), "");
        // A stranger that knows the whole message answers first.
        stranger
            .send(
                sip,
                &response(&invite, "401 Unauthorized", "s", CHALLENGE, ""),
            )
            .await;
        pbx.send(
            sip,
            &response(&invite, "401 Unauthorized", "p", CHALLENGE, ""),
        )
        .await;
        pbx.expect("ACK ").await;
        let asked = pbx.expect("INVITE ").await;
        let answer = header(&asked, "Authorization");
        assert!(
            answer.contains("realm=\"pbx\"") && answer.contains("nc=00000001"),
            "{answer}"
        );
        assert!(!asked.contains("geheim"));

        // The answer leads the dialog to the other trunk.
        let contact = format!("Contact: <sip:x@{}>\r\n", other.address());
        pbx.send(sip, &response(&asked, "200 OK", "p", &contact, SDP))
            .await;
        let ack = other.expect("ACK ").await;
        assert_eq!(header(&ack, "Authorization"), "", "{ack}");
        let bye = other.expect("BYE ").await;
        assert_eq!(header(&bye, "Authorization"), "");
        let challenge = response(&bye, "401 Unauthorized", "p", CHALLENGE, "");
        stranger.send(sip, &challenge).await;
        other.send(sip, &challenge).await;
        // What is still on its way of the BYE itself bears no answer.
        while let Some(more) = other.receive(Duration::from_millis(700)).await {
            assert_eq!(header(&more, "Authorization"), "", "{more}");
        }
        assert_eq!(pbx.receive(Duration::from_millis(1)).await, None);
        assert_eq!(stranger.receive(Duration::from_millis(1)).await, None);
    };
    let (report, ()) = tokio::join!(call, far_side);
    report.unwrap();
    assert_eq!(
        metric(&causeway, "causeway_sip_credentials_withheld_total").await,
        1
    );
    assert_eq!(
        metric(&causeway, "causeway_sip_not_accepted_total").await,
        2
    );
    let told = causeway
        .program()
        .lines(|l| l.contains("no host of the trunk"));
    assert_eq!(told.len(), 1, "{told:?}");
    let told = causeway.program().lines(|l| l.contains("geheim"));
    assert!(told.is_empty(), "{told:?}");
    causeway.stop().await.unwrap();
}
