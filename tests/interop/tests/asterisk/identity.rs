//! Who calls, in each of the headers a PBX may want it in, as Asterisk understands it; and a caller who hides.

use causeway_harness::Result;
use causeway_harness::config::CALLER_ID;
use causeway_interop::{End, Site, SitePlan, so};

#[tokio::test]
async fn every_way_to_say_who_calls() -> Result<()> {
    let plan = SitePlan {
        further_trunks: vec![
            ("611", "caller_id = \"from\""),
            ("612", "caller_id = \"p-asserted-identity\""),
            ("613", "caller_id = \"remote-party-id\""),
            ("614", "caller_id = \"p-preferred-identity\""),
            (
                "615",
                "caller_id = \"p-asserted-identity\"\nhide_caller = true",
            ),
            ("616", "caller_id = \"remote-party-id\"\nhide_caller = true"),
        ],
        beside_others: true,
        ..SitePlan::default()
    };
    let Some(site) = Site::open(plan).await? else {
        return Ok(());
    };
    let mark = site.pbx.mark();
    // What stands in the log, and what does not.
    for (number, has, has_not) in [
        ("611", vec!["PAI  RPID  PPI  PRIVACY  FROM"], vec![]),
        (
            "612",
            vec!["PAI \"Demo page\" <sip:"],
            vec!["RPID \"", "PPI \""],
        ),
        ("613", vec!["PAI  RPID \"Demo page\" <sip:"], vec!["PPI \""]),
        ("614", vec!["PAI  RPID  PPI \"Demo page\" <sip:"], vec![]),
        (
            "615",
            vec!["PRES prohib", "PRIVACY id", "anonymous.invalid"],
            vec![],
        ),
        (
            "616",
            vec!["PRES prohib", "privacy=full", "anonymous.invalid"],
            vec![],
        ),
    ] {
        let call = site.phone.place(number).await?;
        site.ends(&call, End::refused("busy", 486)).await?;
        let log = site.pbx.log_since(mark);
        let line = log
            .lines()
            .rfind(|l| l.contains("IDENTITY"))
            .unwrap_or_default()
            .to_owned();
        // Asterisk knows the number, hidden or not: the trunk is trusted.
        let known = format!("IDENTITY {CALLER_ID} NAME Demo page PRES");
        so(
            &format!("{number}: `{known}` in {line}"),
            line.contains(&known),
        )?;
        for part in has {
            so(
                &format!("{number}: `{part}` in {line}"),
                line.contains(part),
            )?;
        }
        for part in has_not {
            so(
                &format!("{number}: no `{part}` in {line}"),
                !line.contains(part),
            )?;
        }
    }
    site.close().await
}
