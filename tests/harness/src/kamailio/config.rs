//! The files of one Kamailio, and what it does with which number:
//!
//! | number | what it does |
//! |---|---|
//! | the account's, `+49301001` | goes to the box |
//! | 302 | redirects the caller to 600 at the second target (302) |
//! | 911 | forks: 702 at the first target, which rings for ever, and 100 at the second |
//! | 912 | forks: 703 at the first target, which plays before it answers, and 100 at the second, which answers first |
//! | any other | goes to the first target; when that is silent for a second, or says 408 or 5xx, to the second |
//!
//! Every request logs `REQUEST <method> <user> FROM <transport>:<port>`, those of a dialog that were routed by their
//! Route headers `LOOSE <method>`, and every reply `REPLY <status> <method> FROM <port>`.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use crate::certificates::Files;
use crate::error::{Doing, Result};

/// Whom it asks for credentials, and how.
#[derive(Debug, Clone)]
pub struct Challenge {
    pub user: String,
    pub password: String,
    /// `MD5` or `SHA-256`.
    pub algorithm: &'static str,
}

/// How one Kamailio is set up.
#[derive(Debug, Clone)]
pub struct Plan {
    /// UDP and TCP.
    pub listen: SocketAddr,
    /// TLS, with its certificate and whom it believes when it connects.
    pub tls: Option<(SocketAddr, Files, PathBuf)>,
    /// Where the box is, and how it is reached: `udp`, `tcp` or `tls`.
    pub peer: (SocketAddr, &'static str),
    /// The ACDs, the first one first.
    pub targets: Vec<SocketAddr>,
    /// Calls of the box are asked for credentials (407).
    pub challenge: Option<Challenge>,
    /// Via, Contact and Record-Route of the other side are hidden from each side.
    pub hide_topology: bool,
}

const MODULES: &[&str] = &[
    "kex",
    "corex",
    "tm",
    "tmx",
    "sl",
    "rr",
    "pv",
    "maxfwd",
    "textops",
    "siputils",
    "xlog",
    "dispatcher",
    "auth",
    "sanity",
];

/// Writes everything into `folder`; the file to start with.
pub fn write(folder: &Path, modules: &Path, plan: &Plan) -> Result<PathBuf> {
    let list: String = plan
        .targets
        .iter()
        .zip((1..=100).rev())
        .map(|(target, priority)| format!("1 sip:{target} 0 {priority}\n"))
        .collect();
    fs::write(folder.join("dispatcher.list"), list).doing("dispatcher.list")?;
    if let Some((_, files, trusted)) = &plan.tls {
        let text = format!(
            "[server:default]\nmethod = TLSv1.2+\nverify_certificate = no\nrequire_certificate = no\n\
             certificate = {certificate}\nprivate_key = {key}\n\n\
             [client:default]\nmethod = TLSv1.2+\nverify_certificate = yes\nrequire_certificate = yes\n\
             certificate = {certificate}\nprivate_key = {key}\nca_list = {}\n",
            trusted.display(),
            certificate = files.certificate.display(),
            key = files.key.display(),
        );
        fs::write(folder.join("tls.cfg"), text).doing("tls.cfg")?;
    }
    let file = folder.join("kamailio.cfg");
    fs::write(&file, script(folder, modules, plan)).doing("kamailio.cfg")?;
    Ok(file)
}

fn script(folder: &Path, modules: &Path, plan: &Plan) -> String {
    let mut loads: Vec<&str> = MODULES.to_vec();
    let mut settings = format!(
        "modparam(\"tm\", \"fr_timer\", 1000)\nmodparam(\"tm\", \"fr_inv_timer\", 60000)\n\
         modparam(\"tm\", \"failure_reply_mode\", 3)\nmodparam(\"rr\", \"enable_double_rr\", 1)\n\
         modparam(\"dispatcher\", \"list_file\", \"{}/dispatcher.list\")\nmodparam(\"dispatcher\", \"flags\", 2)\n",
        folder.display()
    );
    let mut listen = format!("listen=udp:{0}\nlisten=tcp:{0}\n", plan.listen);
    if let Some((address, ..)) = &plan.tls {
        loads.push("tls");
        listen.push_str(&format!("listen=tls:{address}\nenable_tls=yes\n"));
        settings.push_str(&format!(
            "modparam(\"tls\", \"config\", \"{}/tls.cfg\")\n",
            folder.display()
        ));
    }
    if plan.hide_topology {
        loads.push("topoh");
        settings.push_str(
            "modparam(\"topoh\", \"mask_key\", \"some key\")\nmodparam(\"topoh\", \"mask_ip\", \"127.0.0.8\")\n",
        );
    }
    let challenge = plan.challenge.as_ref().map_or(String::new(), |challenge| {
        let Challenge {
            user,
            password,
            algorithm,
        } = challenge;
        settings.push_str(&format!(
            "modparam(\"auth\", \"qop\", \"auth\")\nmodparam(\"auth\", \"algorithm\", \"{algorithm}\")\n\
             modparam(\"auth\", \"nonce_expire\", 300)\n"
        ));
        format!(
            "    if ($au != \"{user}\" || !pv_proxy_authenticate(\"proxy.example\", \"{password}\", \"0\")) {{\n\
             \x20       xlog(\"L_INFO\", \"CHALLENGE $rm $rU\\n\");\n\
             \x20       proxy_challenge(\"proxy.example\", \"1\");\n        exit;\n    }}\n    consume_credentials();\n"
        )
    });
    let loads: String = loads
        .iter()
        .map(|name| format!("loadmodule \"{name}.so\"\n"))
        .collect();
    let target = |at: usize| {
        plan.targets
            .get(at)
            .or(plan.targets.first())
            .map_or_else(|| "127.0.0.1:9".to_owned(), SocketAddr::to_string)
    };
    ROUTES
        .replace(
            "@HEAD@",
            &format!("{listen}mpath=\"{}\"\n{loads}{settings}", modules.display()),
        )
        .replace("@CHALLENGE@", &challenge)
        .replace(
            "@BOX@",
            &format!("sip:{};transport={}", plan.peer.0, plan.peer.1),
        )
        .replace("@FIRST@", &target(0))
        .replace("@SECOND@", &target(1))
}

const ROUTES: &str = r##"#!KAMAILIO
debug=2
log_stderror=yes
children=2
tcp_children=1
auto_aliases=no
dns=no
rev_dns=no
@HEAD@
request_route {
    if (!mf_process_maxfwd_header("10")) {
        sl_send_reply("483", "Too Many Hops");
        exit;
    }
    if (is_method("OPTIONS") && !has_totag()) {
        sl_send_reply("200", "OK");
        exit;
    }
    xlog("L_NOTICE", "REQUEST $rm $rU FROM $proto:$sp\n");
    force_rport();
    if (is_method("CANCEL")) {
        if (t_check_trans()) {
            t_relay();
        }
        exit;
    }
    if (has_totag()) {
        if (loose_route()) {
            xlog("L_NOTICE", "LOOSE $rm\n");
            t_on_reply("REPLIES");
            t_relay();
        } else if (is_method("ACK")) {
            if (t_check_trans()) {
                t_relay();
            }
        } else {
            sl_send_reply("404", "Not here");
        }
        exit;
    }
    t_check_trans();
    if (!is_method("INVITE")) {
        sl_send_reply("405", "Method Not Allowed");
        exit;
    }
    t_on_reply("REPLIES");
    if ($rU == "+49301001") {
        record_route();
        $du = "@BOX@";
        t_relay();
        exit;
    }
@CHALLENGE@
    record_route();
    if ($rU == "302") {
        append_to_reply("Contact: <sip:600@@SECOND@>\r\n");
        sl_send_reply("302", "Moved Temporarily");
        exit;
    }
    if ($rU == "911") {
        $ru = "sip:702@@FIRST@";
        append_branch("sip:100@@SECOND@");
        t_relay();
        exit;
    }
    if ($rU == "912") {
        $ru = "sip:703@@FIRST@";
        append_branch("sip:100@@SECOND@");
        t_relay();
        exit;
    }
    if (!ds_select_dst("1", "8")) {
        sl_send_reply("503", "No target");
        exit;
    }
    t_on_failure("NEXT");
    t_relay();
}

onreply_route[REPLIES] {
    xlog("L_NOTICE", "REPLY $rs $rm FROM $sp\n");
}

failure_route[NEXT] {
    if (t_is_canceled()) {
        exit;
    }
    if (t_branch_timeout() || t_check_status("408|5[0-9][0-9]")) {
        if (ds_next_dst()) {
            xlog("L_NOTICE", "NEXT $du\n");
            t_on_reply("REPLIES");
            t_on_failure("NEXT");
            t_relay();
        }
    }
}
"##;
