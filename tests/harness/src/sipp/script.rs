//! A SIPp scenario as a message exchange.
//!
//! Each step is one message. A request that comes is kept under its method, so that a reply can be to the last INVITE
//! although a CANCEL came since. Our requests in a dialog are written from what the other side's INVITE or 200 said.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::media::Media;

/// One scenario.
#[derive(Debug, Clone)]
pub struct Script {
    calls: bool,
    times: u32,
    steps: String,
    variables: BTreeSet<String>,
    checks: u32,
    cseq: u32,
    branches: u32,
    /// Our tag in replies outside a dialog.
    tag: String,
    dialog: bool,
    /// Requests received before there was a dialog: their To has no tag.
    untagged: BTreeSet<String>,
    /// The branch and CSeq of our last INVITE, for its ACK and CANCEL.
    invite: (String, u32),
    /// Actions of the next message.
    kept: String,
    /// The method of our last request.
    last: String,
    contact: String,
    name: String,
    hops: u32,
}

/// Headers of a message with a body; `[len]` is SIPp's.
fn body_of(media: Option<&Media>) -> String {
    match media {
        Some(media) => format!(
            "Content-Type: application/sdp\r\nContent-Length: [len]\r\n\r\n{}",
            media.text()
        ),
        None => "Content-Length: 0\r\n\r\n".to_owned(),
    }
}

fn lines(headers: &[&str]) -> String {
    headers.iter().map(|line| format!("{line}\r\n")).collect()
}

fn attribute(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

impl Script {
    fn new(calls: bool) -> Self {
        Self {
            calls,
            times: 1,
            steps: String::new(),
            variables: BTreeSet::new(),
            checks: 0,
            cseq: 100,
            branches: 0,
            tag: "pbx".to_owned(),
            dialog: false,
            untagged: BTreeSet::new(),
            invite: (String::new(), 0),
            kept: String::new(),
            last: String::new(),
            contact: "sip:pbx@[contact]".to_owned(),
            name: String::new(),
            hops: 70,
        }
    }

    /// A scenario that waits for the box's call.
    pub fn called() -> Self {
        Self::new(false)
    }

    /// A scenario that calls the box.
    pub fn calling() -> Self {
        Self::new(true)
    }

    /// Its Contact says `transport=tcp`.
    #[must_use]
    pub fn over_tcp(mut self) -> Self {
        self.contact.push_str(";transport=tcp");
        self
    }

    /// Whether it calls the box.
    pub fn calls(&self) -> bool {
        self.calls
    }

    /// So many calls, by Call-ID, go through the scenario at the same time.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = times;
        self
    }

    pub(super) fn calls_in_all(&self) -> u32 {
        self.times
    }

    /// From here on replies have this tag: another fork.
    #[must_use]
    pub fn fork(mut self, tag: &str) -> Self {
        tag.clone_into(&mut self.tag);
        self
    }

    /// How its name stands in From, when it calls: quoted or not, with a blank after it or without.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        self.name = format!("{name} ");
        self
    }

    /// Its calls may go over so many hops.
    #[must_use]
    pub fn hops(mut self, hops: u32) -> Self {
        self.hops = hops;
        self
    }

    /// An INVITE of the scenario's own text had this CSeq.
    #[must_use]
    pub fn began(mut self, cseq: u32) -> Self {
        self.cseq = cseq;
        self.invite.1 = cseq;
        "INVITE".clone_into(&mut self.last);
        self
    }

    /// An answer of the scenario's own text has made the dialog.
    #[must_use]
    pub fn in_dialog(mut self) -> Self {
        self.dialog = true;
        self
    }

    /// Our next request has the CSeq after this.
    #[must_use]
    pub fn cseq(mut self, last: u32) -> Self {
        self.cseq = last;
        self
    }

    // What comes.

    /// The next response that comes must have this header; what fits `regexp` is `[$name]` from then on.
    #[must_use]
    pub fn keeping(mut self, header: &str, regexp: &str, name: &str) -> Self {
        let mut actions = String::new();
        self.capture(&mut actions, header, regexp, name);
        self.kept = actions;
        self
    }

    /// Whether `regexp` is found in the next request that comes is known as `name`.
    #[must_use]
    pub fn noting(mut self, regexp: &str, name: &str) -> Self {
        self.variables.insert(name.to_owned());
        let regexp = attribute(regexp);
        self.kept = format!("<ereg regexp=\"{regexp}\" search_in=\"msg\" assign_to=\"{name}\"/>\n");
        self
    }

    /// A request comes.
    #[must_use]
    pub fn recv(self, method: &str) -> Self {
        self.recv_with(method, &[], &[])
    }

    /// A request comes in which each of `with` is found and none of `without`; extended regular expressions.
    #[must_use]
    pub fn recv_with(mut self, method: &str, with: &[&str], without: &[&str]) -> Self {
        let mut actions = std::mem::take(&mut self.kept);
        if method != "ACK" {
            for (name, header) in [
                ("via", "Via:"),
                ("from", "From:"),
                ("to", "To:"),
                ("cseq", "CSeq:"),
            ] {
                let variable = format!("{name}_{method}");
                self.capture(&mut actions, header, ".*", &variable);
            }
            if method == "INVITE" && !self.dialog && !self.calls {
                self.capture(&mut actions, "From:", ".*", "peer");
                self.capture(&mut actions, "To:", ".*", "own");
                self.capture(&mut actions, "Contact:", "<(sip:[^>]+)>", "all,target");
            }
            if matches!(method, "INVITE" | "CANCEL") && !self.dialog {
                self.untagged.insert(method.to_owned());
            } else {
                self.untagged.remove(method);
            }
        }
        self.check(&mut actions, with, without);
        let _ = write!(
            self.steps,
            "<recv request=\"{method}\">\n<action>\n{actions}</action>\n</recv>\n"
        );
        if actions.is_empty() {
            self.steps = self.steps.replace("<action>\n</action>\n", "");
        }
        self
    }

    /// The final or provisional response comes; provisional ones before it may.
    #[must_use]
    pub fn recv_reply(self, status: u16) -> Self {
        self.recv_reply_with(status, &[], &[])
    }

    /// The same with what must and what must not be in it.
    #[must_use]
    pub fn recv_reply_with(mut self, status: u16, with: &[&str], without: &[&str]) -> Self {
        for early in [100, 180, 183] {
            if early < status {
                let _ = writeln!(self.steps, "<recv response=\"{early}\" optional=\"true\"/>");
            }
        }
        let mut actions = std::mem::take(&mut self.kept);
        let of_call = self.calls && self.last == "INVITE";
        if of_call && !self.dialog && (101..300).contains(&status) {
            self.capture(&mut actions, "To:", ".*", "peer");
            self.capture(&mut actions, "Contact:", "<(sip:[^>]+)>", "all,target");
        }
        if of_call && (200..300).contains(&status) {
            self.dialog = true;
        }
        self.check(&mut actions, with, without);
        let _ = write!(self.steps, "<recv response=\"{status}\">");
        if !actions.is_empty() {
            let _ = write!(self.steps, "<action>\n{actions}</action>");
        }
        self.steps.push_str("</recv>\n");
        self
    }

    /// Nothing is done for so long; what comes meanwhile and is not expected next is a failure.
    #[must_use]
    pub fn pause(mut self, ms: u32) -> Self {
        let _ = writeln!(self.steps, "<pause milliseconds=\"{ms}\"/>");
        self
    }

    /// A step in SIPp's own words.
    #[must_use]
    pub fn raw(mut self, xml: &str) -> Self {
        self.steps.push_str(xml);
        self.steps.push('\n');
        self
    }

    // What goes out.

    /// Answers the last `method` that came.
    #[must_use]
    pub fn reply(self, method: &str, status: &str) -> Self {
        self.reply_with(method, status, &[], None)
    }

    /// Answers the last INVITE with a session description.
    #[must_use]
    pub fn reply_sdp(self, status: &str, media: &Media) -> Self {
        self.reply_with("INVITE", status, &[], Some(media))
    }

    /// Answers the last `method` that came, with further header lines and a session description.
    #[must_use]
    pub fn reply_with(
        mut self,
        method: &str,
        status: &str,
        headers: &[&str],
        media: Option<&Media>,
    ) -> Self {
        let tag = match self.untagged.contains(method) && !status.starts_with("100") {
            true => format!(";tag={}", self.tag),
            false => String::new(),
        };
        // Of a redirection it would be a target.
        let contact = match status.starts_with(['1', '2']) {
            true => format!("Contact: <{}>\r\n", self.contact),
            false => String::new(),
        };
        let text = format!(
            "SIP/2.0 {status}\r\nVia:[$via_{method}]\r\nFrom:[$from_{method}]\r\nTo:[$to_{method}]{tag}\r\n\
             Call-ID: [call_id]\r\nCSeq:[$cseq_{method}]\r\n{contact}{}{}",
            lines(headers),
            body_of(media)
        );
        if method == "INVITE" && status.starts_with('2') {
            self.dialog = true;
        }
        // SIPp repeats a final answer to INVITE by itself until the ACK, as RFC 3261 says.
        let repeated = method == "INVITE" && !status.starts_with('1');
        self.send(&text, repeated)
    }

    /// A request of ours in the dialog.
    #[must_use]
    pub fn request(self, method: &str) -> Self {
        self.request_with(method, &[], None)
    }

    /// A request of ours in the dialog, with further header lines and a session description.
    #[must_use]
    pub fn request_with(self, method: &str, headers: &[&str], media: Option<&Media>) -> Self {
        self.request_text(method, headers, &body_of(media))
    }

    /// The same with a body of any kind: its headers, an empty line, its text.
    #[must_use]
    pub fn request_text(mut self, method: &str, headers: &[&str], body: &str) -> Self {
        self.cseq += 1;
        method.clone_into(&mut self.last);
        let cseq = self.cseq;
        let branch = self.branch();
        if method == "INVITE" {
            self.invite = (branch.clone(), cseq);
        }
        let text = format!(
            "{}Contact: <{}>\r\n{}{body}",
            self.head(method, "[$target]", &branch, cseq),
            self.contact,
            lines(headers)
        );
        self.send(&text, true)
    }

    /// The ACK of the answer to our last INVITE in the dialog.
    #[must_use]
    pub fn ack(self) -> Self {
        self.ack_with(None)
    }

    /// The same with our answer to the offer of a 200.
    #[must_use]
    pub fn ack_with(mut self, media: Option<&Media>) -> Self {
        let branch = self.branch();
        let cseq = self.invite.1;
        let text = format!(
            "{}{}",
            self.head("ACK", "[$target]", &branch, cseq),
            body_of(media)
        );
        self.send(&text, false)
    }

    /// The ACK of a refusal of our last INVITE in the dialog: in its transaction (RFC 3261 section 17.1.1.3).
    #[must_use]
    pub fn ack_refusal(self) -> Self {
        let (branch, cseq) = self.invite.clone();
        let text = format!(
            "{}{}",
            self.head("ACK", "[$target]", &branch, cseq),
            body_of(None)
        );
        self.send(&text, false)
    }

    /// A call to `number` of the box.
    #[must_use]
    pub fn invite(self, number: &str, headers: &[&str], media: Option<&Media>) -> Self {
        self.invite_text(number, headers, &body_of(media))
    }

    /// The same with a body of any kind.
    #[must_use]
    pub fn invite_text(mut self, number: &str, headers: &[&str], body: &str) -> Self {
        self.cseq += 1;
        "INVITE".clone_into(&mut self.last);
        let branch = self.branch();
        self.invite = (branch.clone(), self.cseq);
        let text = format!(
            "{}Contact: <{}>\r\n{}{body}",
            self.first("INVITE", number, &branch, ""),
            self.contact,
            lines(headers)
        );
        self.send(&text, true)
    }

    /// The ACK of a refusal of the call: in its transaction.
    #[must_use]
    pub fn ack_refused_call(self, number: &str) -> Self {
        let branch = self.invite.0.clone();
        let text = format!(
            "{}{}",
            self.first("ACK", number, &branch, "[peer_tag_param]"),
            body_of(None)
        );
        self.send(&text, false)
    }

    /// CANCEL of our call.
    #[must_use]
    pub fn cancel(mut self, number: &str) -> Self {
        "CANCEL".clone_into(&mut self.last);
        let branch = self.invite.0.clone();
        let text = format!(
            "{}{}",
            self.first("CANCEL", number, &branch, ""),
            body_of(None)
        );
        self.send(&text, true)
    }

    /// Any text; `repeated` when SIPp shall repeat it over UDP until something comes.
    #[must_use]
    pub fn send(mut self, text: &str, repeated: bool) -> Self {
        let repeated = if repeated { " retrans=\"500\"" } else { "" };
        // SIPp ends every line by CRLF itself.
        let text = text.replace("\r\n", "\n");
        let _ = writeln!(self.steps, "<send{repeated}><![CDATA[\n{text}\n]]></send>");
        self
    }

    fn head(&self, method: &str, target: &str, branch: &str, cseq: u32) -> String {
        let own = match self.calls {
            true => format!("From: {}<sip:7000@127.0.0.1>;tag=pbx", self.name),
            false => format!("From:[$own];tag={}", self.tag),
        };
        format!(
            "{method} {target} SIP/2.0\r\nVia: SIP/2.0/[transport] [local_ip]:[local_port];branch={branch}\r\n{own}\r\n\
             To:[$peer]\r\nCall-ID: [call_id]\r\nCSeq: {cseq} {method}\r\nMax-Forwards: 70\r\n"
        )
    }

    fn first(&self, method: &str, number: &str, branch: &str, tag: &str) -> String {
        let cseq = self.invite.1;
        format!(
            "{method} sip:{number}@[box] SIP/2.0\r\nVia: SIP/2.0/[transport] [local_ip]:[local_port];branch={branch}\r\n\
             From: {}<sip:7000@127.0.0.1>;tag=pbx\r\nTo: <sip:{number}@[box]>{tag}\r\nCall-ID: [call_id]\r\n\
             CSeq: {cseq} {method}\r\nMax-Forwards: {}\r\n",
            self.name, self.hops
        )
    }

    fn branch(&mut self) -> String {
        self.branches += 1;
        format!("z9hG4bK-[pid]-{}", self.branches)
    }

    fn capture(&mut self, actions: &mut String, header: &str, regexp: &str, to: &str) {
        self.variables.extend(to.split(',').map(str::to_owned));
        let regexp = attribute(regexp);
        let _ = writeln!(
            actions,
            "<ereg regexp=\"{regexp}\" search_in=\"hdr\" header=\"{header}\" check_it=\"true\" assign_to=\"{to}\"/>"
        );
    }

    fn check(&mut self, actions: &mut String, with: &[&str], without: &[&str]) {
        let all = with.iter().map(|w| (w, "check_it"));
        for (regexp, how) in all.chain(without.iter().map(|w| (w, "check_it_inverse"))) {
            self.checks += 1;
            let variable = format!("check{}", self.checks);
            let regexp = attribute(regexp);
            let _ = writeln!(
                actions,
                "<ereg regexp=\"{regexp}\" search_in=\"msg\" {how}=\"true\" assign_to=\"{variable}\"/>"
            );
            self.variables.insert(variable);
        }
    }

    /// The scenario as SIPp reads it.
    pub fn xml(&self) -> String {
        let variables: Vec<&str> = self.variables.iter().map(String::as_str).collect();
        let reference = match variables.is_empty() {
            true => String::new(),
            // SIPp refuses a scenario whose variables are not all used.
            false => format!("<Reference variables=\"{}\"/>\n", variables.join(",")),
        };
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\" ?>\n<scenario name=\"causeway\">\n{}{reference}</scenario>\n",
            self.steps
        )
    }

    /// The same as octets: `\u{e0XX}` of Unicode's private area stands for the octet XX, which need not be UTF-8.
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for c in self.xml().chars() {
            let code = u32::from(c);
            match u8::try_from(code.wrapping_sub(0xe000)) {
                Ok(octet) => bytes.push(octet),
                Err(_) => bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_is_to_the_request_it_names() {
        let xml = Script::called()
            .recv("INVITE")
            .recv("CANCEL")
            .reply("CANCEL", "200 OK")
            .reply("INVITE", "487 Request Terminated")
            .recv("ACK")
            .xml();
        let (_, refused) = xml.split_once("SIP/2.0 487").unwrap();
        assert!(refused.contains("CSeq:[$cseq_INVITE]") && !refused.contains("_CANCEL]"));
        assert!(refused.contains("To:[$to_INVITE];tag=pbx"));
        assert!(xml.contains("<recv request=\"ACK\">\n</recv>"), "{xml}");
    }

    #[test]
    fn octets_that_are_no_text_are_written_as_they_are() {
        let script = Script::called().raw("<!-- \u{e0fc} ü -->");
        let bytes = script.bytes();
        assert!(bytes.windows(4).any(|w| w == [0xfc, b' ', 0xc3, 0xbc]));
    }
}
