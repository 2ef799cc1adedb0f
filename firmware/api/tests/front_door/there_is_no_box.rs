//! A program that runs on no box: nothing configures a machine, and only administrators are told so.

use crate::support::TestServer;

#[tokio::test]
async fn administrators_are_told_that_this_is_no_box() {
    let server = TestServer::start().await;
    for path in [
        "/api/v1/box/status",
        "/api/v1/box/configuration",
        "/api/v1/box/draft/changes",
    ] {
        let (status, code) = server.admin(path).await.error();
        assert_eq!((status, code.as_str()), (404, "not_found"), "{path}");
        assert_eq!(server.get(path).await.status, 401, "{path}");
    }
}
