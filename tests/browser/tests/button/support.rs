//! A company's web server, and a browser on its page.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use causeway_harness::acd::tone;
use causeway_harness::box_process::Holdings;
use causeway_harness::browser::{BrowserOptions, Kind};
use causeway_harness::config::{APP, APP_SECRET, loopback};
use causeway_harness::picture::keep_screenshot;
use causeway_harness::place::{self, TempFolder};
use causeway_harness::{Acd, BoxPlan, BoxProcess, Browser, https};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub const PATIENCE: Duration = Duration::from_secs(15);

/// The page most tests begin with.
pub const BUTTON: &str = "<causeway-call to=\"100\" token-url=\"/call-token\">\
    <a href=\"tel:+49301000\">+49 30 1000</a></causeway-call>";

/// What every page notes from its first moment on: states of its buttons, and what the policy forbade.
const NOTES: &str = "
    window.states = [];
    window.violations = [];
    addEventListener('causeway-state', event => states.push({id: event.target.id, ...event.detail}));
    // Firefox asks for an icon that no page names, and may not have it.
    addEventListener('securitypolicyviolation', event => event.blockedURI.endsWith('/favicon.ico') || violations.push(event.violatedDirective + ' ' + event.blockedURI));
    window.button = (id) => id ? document.getElementById(id) : document.querySelector('causeway-call');
    window.inside = (part, id) => button(id).shadowRoot.querySelector(`[part~=${part}]`);
    window.shown = (part, id) => { const e = inside(part, id); return e.getClientRects().length ? e.textContent : null };";

/// The company's server: its page, a stylesheet, and where the page gets its token.
pub struct Shop {
    address: SocketAddr,
    page: Arc<Mutex<String>>,
    /// Where connections may go besides the box.
    further: Arc<Mutex<String>>,
    task: JoinHandle<()>,
}

impl Shop {
    /// Serves pages that may load nothing but their own stylesheet and the box's script.
    async fn start(address: SocketAddr, box_url: &str, tokens: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let socket = box_url.replace("https:", "wss:");
        let box_url = box_url.to_owned();
        let further = Arc::new(Mutex::new(String::new()));
        let others = Arc::clone(&further);
        let page = Arc::new(Mutex::new(String::new()));
        let pages = Arc::clone(&page);
        let task = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let body = pages.lock().unwrap_or_else(PoisonError::into_inner).clone();
                let others = others
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .clone();
                let policy = format!(
                    "default-src 'none'; script-src {box_url}; connect-src 'self' {box_url} {socket} {others}; \
                     style-src 'self'; base-uri 'none'; form-action 'none'; \
                     require-trusted-types-for 'script'; trusted-types 'none'"
                );
                tokio::spawn(async move {
                    let mut request = vec![0u8; 8192];
                    let read = stream.read(&mut request).await.unwrap_or(0);
                    let request = String::from_utf8_lossy(&request[..read]).into_owned();
                    let path = request.split_whitespace().nth(1).unwrap_or_default();
                    let (status, kind, body) = match path {
                        "/call-token" => {
                            assert!(request.starts_with("POST "), "{request}");
                            let asked = json!({"app": APP, "secret": APP_SECRET});
                            let answer =
                                https::ask_from(None, tokens, "/api/v1/tokens", None, Some(&asked));
                            ("200 OK", "application/json", answer.await.unwrap().body)
                        }
                        "/no-token" => ("503 Service Unavailable", "text/plain", String::new()),
                        "/look.css" => ("200 OK", "text/css", LOOK.to_owned()),
                        _ => ("200 OK", "text/html; charset=utf-8", body),
                    };
                    let length = body.len();
                    let answer = format!(
                        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\
                         Content-Security-Policy: {policy}\r\nConnection: close\r\n\r\n{body}"
                    );
                    let _ = stream.write_all(answer.as_bytes()).await;
                });
            }
        });
        Self {
            address,
            page,
            further,
            task,
        }
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The company's stylesheet: how a page themes the button.
const LOOK: &str = "
    :root { color-scheme: light dark; font-family: sans-serif; }
    body { background: light-dark(#f4f1ea, #14181c); color: light-dark(#222, #eee); margin: 24px; }
    #themed { --causeway-accent: rgb(0, 100, 60); --causeway-radius: 2px; }
    #themed::part(call-button) { text-transform: uppercase; }";

/// A company, its box, its contact centre, and a visitor.
pub struct Stage {
    pub acd: Acd,
    pub causeway: BoxProcess,
    pub browser: Browser,
    shop: Shop,
    before: Holdings,
    _microphone: TempFolder,
}

impl Stage {
    pub async fn chromium() -> Self {
        Self::start(Kind::Chromium, false, |_| {}).await
    }

    pub async fn start(kind: Kind, no_microphone: bool, change: impl FnOnce(&mut BoxPlan)) -> Self {
        let acd = Acd::start(&[]).await.unwrap();
        let plan = BoxPlan::new(acd.address()).unwrap();
        Self::with(acd, plan, kind, no_microphone, change).await
    }

    async fn with(
        acd: Acd,
        mut plan: BoxPlan,
        kind: Kind,
        no_microphone: bool,
        change: impl FnOnce(&mut BoxPlan),
    ) -> Self {
        let at = loopback(place::free_port().unwrap());
        plan.origins.push(format!("http://{at}"));
        change(&mut plan);
        let causeway = BoxProcess::start(plan).await.unwrap();
        let before = causeway.holdings().unwrap();
        let shop = Shop::start(at, &causeway.url(""), causeway.https()).await;
        let microphone = TempFolder::new("microphone").unwrap();
        let wav = microphone.path().join("microphone.wav");
        tone(&wav, 440, 120).await.unwrap();
        let options = BrowserOptions {
            microphone: Some(wav),
            no_microphone,
            ..BrowserOptions::default()
        };
        let browser = Browser::start(kind, options).await.unwrap();
        if kind == Kind::Chromium {
            // The policy is what is tested.
            let off = json!({"enabled": false});
            browser.devtools("Page.setBypassCSP", off).await.unwrap();
            let size =
                json!({"width": 480, "height": 760, "deviceScaleFactor": 1, "mobile": false});
            let command = "Emulation.setDeviceMetricsOverride";
            browser.devtools(command, size).await.unwrap();
        }
        browser.run_first(NOTES).await.unwrap();
        Self {
            acd,
            causeway,
            browser,
            shop,
            before,
            _microphone: microphone,
        }
    }

    /// The company's policy lets its pages connect to this box, too.
    pub fn allow(&self, origin: &str) {
        let further = format!("{origin} {}", origin.replace("https:", "wss:"));
        *self
            .shop
            .further
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = further;
    }

    /// The visitor opens the company's page with this in its body, and the one script tag.
    pub async fn open(&mut self, body: &str) {
        let script = self.causeway.url("/sdk/v1/button.js");
        self.open_bare(&format!("{body}<script src=\"{script}\"></script>"))
            .await;
    }

    /// The same without the script.
    pub async fn open_bare(&mut self, body: &str) {
        let page = format!(
            "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Kettles</title>\
             <meta name=\"viewport\" content=\"width=device-width\">\
             <link rel=\"stylesheet\" href=\"/look.css\"></head><body><main>{body}</main></body></html>"
        );
        *self
            .shop
            .page
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = page;
        let url = format!("http://{}/kettle?x=1", self.shop.address);
        self.browser.open(&url).await.unwrap();
    }

    pub async fn value(&self, expression: &str) -> Value {
        self.browser.evaluate(expression).await.unwrap()
    }

    pub async fn until(&self, expression: &str) -> Value {
        self.browser
            .until(expression, expression, PATIENCE)
            .await
            .unwrap()
    }

    /// Waits until the page's (first) button is in this state.
    pub async fn reaches(&self, state: &str) {
        self.until(&format!("button().state === '{state}'")).await;
    }

    /// The visitor clicks a part of the button.
    pub async fn click(&self, part: &str) {
        self.browser
            .click_on(&format!("inside('{part}')"))
            .await
            .unwrap();
    }

    /// The visitor calls, and both hear each other.
    pub async fn talk(&mut self) {
        self.click("call-button").await;
        self.reaches("talking").await;
        self.acd_hears_the_page().await;
        self.page_hears_the_acd().await;
    }

    pub async fn acd_hears_the_page(&mut self) {
        let right = |event: &Value| {
            event["hz"]
                .as_f64()
                .is_some_and(|hz| (hz - 440.0).abs() < 9.0)
        };
        self.acd.wait("heard", PATIENCE, right).await.unwrap();
    }

    /// The policy lets no ears into the page: the browser's own count of the energy that it plays has to grow.
    pub async fn page_hears_the_acd(&self) {
        self.hears_in("button()").await;
    }

    /// The same of the button that an expression names.
    pub async fn hears_in(&self, button: &str) {
        let grows = "(async () => {
            const energy = async () => [...(await BUTTON.currentCall.peerConnection.getStats()).values()]
                .find(s => s.type === 'inbound-rtp' && s.kind === 'audio')?.totalAudioEnergy ?? 0
            const before = await energy()
            await new Promise(resolve => setTimeout(resolve, 300))
            return (await energy()) > before + 1e-4
        })()"
        .replace("BUTTON", button);
        self.browser.until("sound", &grows, PATIENCE).await.unwrap();
    }

    /// The states of the page's buttons so far.
    pub async fn states(&self) -> Vec<String> {
        let states = self.value("states.map(s => s.state)").await;
        let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
        states.as_array().unwrap().iter().map(text).collect()
    }

    /// Keeps a picture of the page for whoever wants to look, in the folder of CAUSEWAY_SCREENSHOTS.
    pub async fn picture(&self, name: &str) {
        let Some(folder) = std::env::var_os("CAUSEWAY_SCREENSHOTS").map(PathBuf::from) else {
            return;
        };
        let path = folder.join(format!("{name}.png"));
        keep_screenshot(&self.browser, &path).await.unwrap();
    }

    /// Nothing was forbidden, nothing is left in the box, and everything stops in order.
    pub async fn end(self) {
        assert_eq!(self.value("violations").await, json!([]));
        let Self {
            acd,
            causeway,
            browser,
            before,
            ..
        } = self;
        browser.stop().await.unwrap();
        causeway.nothing_left(before).await.unwrap();
        causeway.stop().await.unwrap();
        acd.stop().await.unwrap();
    }
}

/// What the hexadecimal of a User-to-User header spells, where it is hexadecimal.
pub fn spelled(token: &str) -> String {
    let bytes: Option<Vec<u8>> = token
        .as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect();
    let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    text.filter(|text| text.chars().all(|c| c.is_ascii_graphic()))
        .unwrap_or_else(|| token.to_owned())
}
