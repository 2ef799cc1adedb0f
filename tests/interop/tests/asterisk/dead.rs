//! There is no PBX: it takes packets and says nothing, nothing is there at all, or it refuses the connection.

use std::net::UdpSocket;
use std::time::Duration;

use causeway_harness::config::loopback;
use causeway_harness::place::TempFolder;
use causeway_harness::scene::chromium;
use causeway_harness::{BoxPlan, BoxProcess, Result, place};
use causeway_interop::{End, alone, record, trunk};

#[tokio::test]
async fn a_dead_pbx_is_unreachable() -> Result<()> {
    let _machine = alone().await;
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let nobody = loopback(place::free_port()?);
    let mut plan = BoxPlan::new(nobody)?;
    plan.trunks = vec![
        // Without probes (see `trunk`), so that the calls themselves find out.
        trunk("silent", silent.local_addr().unwrap(), "81*", ""),
        trunk("nobody", nobody, "82*", ""),
        trunk(
            "refusing",
            loopback(place::free_port()?),
            "83*",
            "transport = \"tcp\"",
        ),
    ];
    let causeway = BoxProcess::start(plan).await?;
    let before = causeway.holdings()?;
    let microphone = TempFolder::new("microphone")?;
    let phone = chromium(&causeway, &microphone, None, serde_json::json!({})).await?;

    // All at once. The box gives a silent target up after 4 s; the fourth caller does not wait so long.
    let mut calls = Vec::new();
    for number in ["810", "820", "830", "811"] {
        calls.push(phone.place(number).await?);
        phone
            .browser()
            .evaluate("(window.calls ??= []).push(phone.call)")
            .await?;
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    phone.hang_up().await?;
    let refused = "calls[2].state === 'ended' && calls[3].state === 'ended'";
    phone
        .browser()
        .until("the two short ends", refused, Duration::from_secs(3))
        .await?;
    let over = "calls.every(c => c.state === 'ended') && calls.map(c => c.cause)";
    let causes = phone
        .browser()
        .until("the ends", over, Duration::from_secs(36))
        .await?;
    let ends = [
        End::new("unreachable", "box"),
        End::new("unreachable", "box"),
        End::new("unreachable", "box"),
        End::new("cancelled", "local"),
    ];
    for (at, end) in ends.into_iter().enumerate() {
        end.is_cause(&causes[at])?;
        record(&causeway, &calls[at], end).await?;
    }
    phone.stop().await?;
    drop(microphone);
    causeway.nothing_left(before).await?;
    causeway.no_transactions().await?;
    causeway.stop().await
}
