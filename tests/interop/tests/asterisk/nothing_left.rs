//! Calls of every kind one after another, and then nothing is left: not even a transaction.

use causeway_harness::Result;
use causeway_interop::{ACCOUNT, End, SOON, Site, SitePlan, so};

#[tokio::test]
async fn nothing_is_left_of_calls_of_every_kind() -> Result<()> {
    let plan = SitePlan {
        account: true,
        // Without its own OPTIONS the box has nothing to say when nobody calls.
        trunk_extra: "options_s = 0".to_owned(),
        ..SitePlan::default()
    };
    let Some(mut site) = Site::open(plan).await? else {
        return Ok(());
    };
    // Refused: busy, no circuit, no such number.
    for (number, end) in [
        ("701", End::refused("busy", 486)),
        ("704", End::refused("unavailable", 503)),
        ("706", End::refused("not_found", 404)),
    ] {
        let call = site.phone.place(number).await?;
        site.ends(&call, end).await?;
    }
    // Answered: the PBX hangs up, the page hangs up.
    let call = site.phone.place("300").await?;
    site.phone.answered().await?;
    site.ends(&call, End::new("hangup", "remote")).await?;
    let call = site.phone.place("100").await?;
    site.phone.answered().await?;
    site.phone.hang_up().await?;
    site.ends(&call, End::new("hangup", "local")).await?;
    // Given up while it rings, and while nothing came back yet.
    let call = site.phone.place("702").await?;
    site.phone.reaches("ringing", SOON).await?;
    site.phone.hang_up().await?;
    site.ends(&call, End::new("cancelled", "local")).await?;
    let call = site.phone.place("702").await?;
    site.phone.hang_up().await?;
    site.ends(&call, End::new("cancelled", "local")).await?;
    // From the PBX: answered, refused.
    site.phone.register().await?;
    site.pbx.ring(ACCOUNT.1, 20, "100").await?;
    site.phone.rung(SOON).await?;
    site.phone.accept().await?;
    site.phone.reaches("answered", SOON).await?;
    site.phone.hang_up().await?;
    site.pbx.ring(ACCOUNT.1, 20, "100").await?;
    site.phone.rung(SOON).await?;
    site.phone.reject("busy").await?;
    site.phone.reaches("ended", SOON).await?;

    let records = site.causeway.records().await?;
    let open = records.iter().filter(|r| r["ended_at"].is_null()).count();
    so(
        &format!("nine records, none open: {}, {open}", records.len()),
        records.len() == 9 && open == 0,
    )?;
    site.close_entirely().await
}
