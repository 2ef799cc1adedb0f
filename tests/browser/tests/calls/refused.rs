//! What the box refuses before anybody is called, each with its own code.

use causeway_harness::Scene;

#[tokio::test]
async fn tokens_and_destinations_are_looked_at() {
    let scene = Scene::chromium(|_| {}).await.unwrap();
    let code = async |script: &str| {
        let script = format!(
            "(async () => {{ try {{ {script}; return 'nothing' }} catch (e) {{ return e.code }} }})()"
        );
        scene.phone.browser().evaluate(&script).await.unwrap()
    };
    let call = "connect({to: '100', audio: phone.microphone})";
    assert_eq!(
        code(&format!("await new phone.sdk.Device('forged').{call}")).await,
        "auth_failed"
    );
    assert_eq!(
        code("await phone.device.connect({to: 'not a number', audio: phone.microphone})").await,
        "bad_request"
    );
    assert_eq!(
        code("await phone.device.connect({to: 'nobody@nowhere.example', audio: phone.microphone})")
            .await,
        "destination_unknown"
    );
    scene.end().await.unwrap();
}
