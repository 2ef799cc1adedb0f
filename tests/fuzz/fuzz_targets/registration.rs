//! A registrar that says anything: what it says is read, and the box neither stops nor asks without end.
#![no_main]

use causeway_sip::registration::{Registration, RegistrationCommand, RegistrationConfig};
use causeway_sip::{
    Credentials, Endpoint, EndpointConfig, Event, RequestId, Transport, TrunkHosts,
};
use libfuzzer_sys::fuzz_target;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

fn line(request: &str, name: &str) -> String {
    let found = request.lines().find(|l| l.starts_with(name));
    found.unwrap_or_default().to_owned()
}

fuzz_target!(|data: &[u8]| {
    let local: SocketAddr = ([10, 0, 0, 1], 5060).into();
    let registrars: Vec<SocketAddr> =
        vec![([10, 0, 0, 2], 5060).into(), ([10, 0, 0, 3], 5060).into()];
    let mut now = Instant::now();
    let mut endpoint = Endpoint::new(EndpointConfig::new([1; 32], local, local), now);
    let mut machine = Registration::new(
        RegistrationConfig {
            registrars: registrars.clone(),
            transport: Transport::Udp,
            request_uri: "sip:c".to_owned(),
            account: "sip:4930@c".to_owned(),
            contact_user: "4930".to_owned(),
            expires_s: 300,
            credentials: Some(Credentials {
                username: "box".to_owned(),
                password: "geheim".to_owned(),
                realm: None,
                hosts: TrunkHosts {
                    own: registrars,
                    others: Vec::new(),
                    secure: false,
                },
            }),
            seed: [2; 32],
        },
        now,
    );
    let mut open: Option<RequestId> = None;
    // Each line of the input that is `|` parts one answer from the next.
    let mut answers = data.split(|b| *b == b'|').take(64);
    let mut sent = 0;
    for _ in 0..400 {
        if machine.poll_timeout().is_some_and(|at| at <= now) {
            machine.handle_timeout(now);
        }
        if endpoint.poll_timeout().is_some_and(|at| at <= now) {
            endpoint.handle_timeout(now);
        }
        let mut asked = None;
        loop {
            while let Some(command) = machine.poll_command() {
                if let Some(old) = open.take() {
                    endpoint.forget_request(old);
                }
                if let RegistrationCommand::Send(register) = command {
                    sent += 1;
                    open = endpoint.register(&register, now).ok();
                }
            }
            while machine.poll_change().is_some() {}
            while let Some(transmit) = endpoint.poll_transmit() {
                assert!(!transmit.bytes.windows(6).any(|w| w == b"geheim"));
                asked = Some(transmit);
            }
            match endpoint.poll_event() {
                Some(Event::RegisterAnswered { answer, .. }) => {
                    open = None;
                    machine.handle_answer(&answer, now);
                }
                Some(Event::RequestFailed { .. }) => {
                    open = None;
                    machine.handle_failed(now);
                }
                Some(_) => {}
                None => break,
            }
        }
        match (asked, answers.next()) {
            (Some(asked), Some(said)) => {
                let request = String::from_utf8_lossy(&asked.bytes).into_owned();
                let mut answer = b"SIP/2.0 ".to_vec();
                let (status, headers) = match said.iter().position(|b| *b == b'\n') {
                    Some(at) => said.split_at(at),
                    None => (said, &[][..]),
                };
                answer.extend_from_slice(status);
                for name in ["Via: ", "From: ", "To: ", "Call-ID: ", "CSeq: "] {
                    answer.extend_from_slice(b"\r\n");
                    answer.extend_from_slice(line(&request, name).as_bytes());
                }
                answer.extend_from_slice(headers);
                answer.extend_from_slice(b"\r\n\r\n");
                endpoint.handle_message(Transport::Udp, local, asked.remote, &answer, now);
            }
            _ => {
                let due = [machine.poll_timeout(), endpoint.poll_timeout()];
                let at = due.into_iter().flatten().min();
                now = at.expect("it asks again one day").max(now) + Duration::from_millis(1);
            }
        }
    }
    assert!(sent <= 400);
});
