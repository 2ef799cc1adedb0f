//! What a user does: keys and clicks that the browser takes for a hand's, and what the user has asked the system for.

use serde_json::{Value, json};

use super::{Browser, Kind, PATIENCE};
use crate::error::{HarnessError, Result};

/// A key by its name, as DevTools wants it: code, number, text; and as WebDriver does.
fn key(name: &str) -> (String, u32, String, String) {
    let named = |code: &str, number, text: &str, driver: &str| {
        (code.to_owned(), number, text.to_owned(), driver.to_owned())
    };
    match name {
        "Tab" => named("Tab", 9, "", "\u{e004}"),
        "Enter" => named("Enter", 13, "\r", "\u{e007}"),
        "Escape" => named("Escape", 27, "", "\u{e00c}"),
        " " => named("Space", 32, " ", " "),
        other => {
            let number = other.chars().next().map_or(0, u32::from);
            named(&format!("Digit{other}"), number, other, other)
        }
    }
}

impl Browser {
    /// Presses a key: `Tab`, `Enter`, `Escape`, a space or a digit.
    pub async fn press(&self, name: &str) -> Result<()> {
        let (code, number, text, driver) = key(name);
        match self.kind {
            Kind::Chromium => {
                let mut event = json!({
                    "type": "keyDown", "key": name, "code": code,
                    "windowsVirtualKeyCode": number, "nativeVirtualKeyCode": number,
                });
                if !text.is_empty() {
                    event["text"] = text.into();
                }
                self.devtools("Input.dispatchKeyEvent", event.clone())
                    .await?;
                event["type"] = "keyUp".into();
                self.devtools("Input.dispatchKeyEvent", event)
                    .await
                    .map(|_| ())
            }
            Kind::Firefox => {
                let actions = json!([
                    {"type": "keyDown", "value": driver}, {"type": "keyUp", "value": driver}
                ]);
                self.act(json!({"type": "key", "id": "keyboard", "actions": actions}))
                    .await
            }
        }
    }

    /// Clicks at a point of the window, in CSS pixels.
    pub async fn click(&self, x: f64, y: f64) -> Result<()> {
        match self.kind {
            Kind::Chromium => {
                for event in ["mousePressed", "mouseReleased"] {
                    let params =
                        json!({"type": event, "x": x, "y": y, "button": "left", "clickCount": 1});
                    self.devtools("Input.dispatchMouseEvent", params).await?;
                }
                Ok(())
            }
            Kind::Firefox => {
                #[expect(clippy::cast_possible_truncation, reason = "a window is small")]
                let (x, y) = (x as i64, y as i64);
                let actions = json!([
                    {"type": "pointerMove", "x": x, "y": y}, {"type": "pointerDown", "button": 0},
                    {"type": "pointerUp", "button": 0},
                ]);
                self.act(json!({"type": "pointer", "id": "mouse", "actions": actions}))
                    .await
            }
        }
    }

    /// Clicks the middle of the element that an expression names.
    pub async fn click_on(&self, element: &str) -> Result<()> {
        let middle = format!(
            "(e => {{ e.scrollIntoView({{block: 'center'}}); const r = e.getBoundingClientRect(); \
             return [r.x + r.width / 2, r.y + r.height / 2] }})({element})"
        );
        let at = self.evaluate(&middle).await?;
        let [x, y] = [0, 1].map(|i| at[i].as_f64().unwrap_or_default());
        self.click(x, y).await
    }

    /// A command of Chromium's own protocol, in the page; its answer.
    ///
    /// # Errors
    /// In another browser, and what Chromium says.
    pub async fn devtools(&self, method: &str, params: Value) -> Result<Value> {
        if self.kind != Kind::Chromium {
            return Err(HarnessError::new(format!("{method}: only Chromium has it")));
        }
        self.wire
            .call(method, params, Some(&self.page), PATIENCE)
            .await
    }

    async fn act(&self, source: Value) -> Result<()> {
        let params = json!({"context": self.page, "actions": [source]});
        let answer = self
            .wire
            .call("input.performActions", params, None, PATIENCE);
        answer.await.map(|_| ())
    }
}
