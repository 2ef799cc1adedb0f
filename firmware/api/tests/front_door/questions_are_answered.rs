//! The admin's and the monitor's questions.

use crate::support::{ADMIN, TestServer};
use causeway_api::request::Request;
use serde_json::json;

#[tokio::test]
async fn health_is_open_and_says_nothing_secret() {
    let server = TestServer::start().await;
    let answer = server.get("/healthz").await;
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.json(),
        json!({"status": "ok", "detail": {"switch": "ok"}})
    );
}

#[tokio::test]
async fn everything_else_wants_the_admin_key() {
    let server = TestServer::with(|l| l.failure_cost = 0).await;
    for path in [
        "/metrics",
        "/api/v1/calls",
        "/api/v1/calls/x",
        "/api/v1/contexts/x",
        "/api/v1/status",
    ] {
        for header in [
            vec![],
            vec!["Authorization: Bearer wrong"],
            vec!["Authorization: Basic eA=="],
            vec!["Authorization: Bearer"],
        ] {
            let answer = server.http(&format!("GET {path}"), &header, None).await;
            assert_eq!(answer.error(), (401, "auth_failed".into()), "{path}");
            assert_eq!(answer.header("www-authenticate"), Some("bearer"));
        }
    }
}

#[tokio::test]
async fn calls_are_listed_and_paged() {
    let server = TestServer::start().await;
    let all = server.admin("/api/v1/calls").await.json();
    assert_eq!(all["calls"].as_array().unwrap().len(), 3);
    assert_eq!(all["calls"][0]["id"], "c0");
    assert_eq!(all["next"], json!(null));
    let page = server
        .admin("/api/v1/calls?limit=2&state=ended&to=100")
        .await
        .json();
    assert_eq!(page["next"], "1000-c1");
    for bad in [
        "limit=0",
        "limit=1001",
        "limit=x",
        "before=x",
        "state=dead",
        "what=1",
    ] {
        let answer = server.admin(&format!("/api/v1/calls?{bad}")).await;
        assert_eq!(answer.error(), (422, "bad_request".into()), "{bad}");
    }
}

#[tokio::test]
async fn one_call_is_looked_for_in_the_switch_and_in_the_store() {
    let mut server = TestServer::start().await;
    let mut requests = std::mem::replace(&mut server.requests, tokio::sync::mpsc::channel(1).1);
    tokio::spawn(async move {
        while let Some(request) = requests.recv().await {
            match request {
                Request::Call { id, reply } => {
                    let running = (id == "running").then(|| json!({"state": "answered"}));
                    let _ = reply.send(running);
                }
                Request::Status { reply } => {
                    let _ = reply.send(json!({"name": "x", "trunks": [{"name": "pbx", "state": "up"}], "rtp_ports": {"held": 0}}));
                }
                other => panic!("{other:?}"),
            }
        }
    });
    let running = server.admin("/api/v1/calls/running").await.json();
    assert_eq!(
        running,
        json!({"call": null, "running": {"state": "answered"}})
    );
    let kept = server.admin("/api/v1/calls/kept").await.json();
    assert_eq!(kept["call"]["to_number"], "100");
    assert_eq!(
        kept["call"]["quality"],
        json!({
            "to_browser": null,
            "to_pbx": {
                "mos": {"last": 2.0, "worst": 2.0, "mean": 3.19},
                "mos_in": {"last": 4.4, "worst": 4.4, "mean": 4.4},
                "mos_out": null, "samples": 2, "expected": 500, "lost": 4, "concealed": 2,
                "lost_out_percent": null, "delay_ms": 60.0
            }
        })
    );
    let unknown = server.admin("/api/v1/calls/unknown").await;
    assert_eq!(unknown.error(), (404, "call_not_found".into()));
    let status = server.admin("/api/v1/status").await.json();
    assert_eq!(
        status,
        json!({
            "name": "test box", "version": env!("CARGO_PKG_VERSION"), "sessions": 0, "calls": [],
            "trunks": [{"name": "pbx", "state": "up"}], "rtp_ports": {"held": 0}
        })
    );
}

#[tokio::test]
async fn a_switch_that_does_not_answer_is_not_waited_for() {
    let server = TestServer::with(|l| l.answer = std::time::Duration::from_millis(100)).await;
    let answer = server.admin("/api/v1/status").await;
    assert_eq!(answer.error(), (504, "timed_out".into()));
}

#[tokio::test]
async fn a_context_is_shown_by_its_token() {
    let server = TestServer::start().await;
    let known = server.admin("/api/v1/contexts/known").await.json();
    assert_eq!(known["context"], json!({"cart": 3}));
    assert_eq!(known["expires_at"], "1970-01-02T00:00:00Z");
    let unknown = server.admin("/api/v1/contexts/unknown").await;
    assert_eq!(unknown.error(), (404, "not_found".into()));
}

#[tokio::test]
async fn metrics_are_the_apis_and_the_gateways() {
    let server = TestServer::start().await;
    server.get("/nowhere").await;
    let text = server.admin("/metrics").await;
    assert_eq!(
        text.header("content-type"),
        Some("text/plain; version=0.0.4; charset=utf-8")
    );
    for line in [
        "causeway_test 1",
        "causeway_api_errors_total{code=\"not_found\"} 1",
        "causeway_api_http_requests_total 2",
    ] {
        assert!(
            text.body.lines().any(|l| l == line),
            "{line}\n{}",
            text.body
        );
    }
    assert!(!text.body.contains(ADMIN));
}

#[tokio::test]
async fn what_is_not_there_is_told_in_json() {
    let server = TestServer::start().await;
    assert_eq!(server.get("/").await.error(), (404, "not_found".into()));
    let posted = server.http("POST /healthz", &[], Some("")).await;
    assert_eq!(posted.error(), (405, "unsupported".into()));
    let deleted = server.http("DELETE /api/v1/calls/x", &[], None).await;
    assert_eq!(deleted.error(), (405, "unsupported".into()));
}
