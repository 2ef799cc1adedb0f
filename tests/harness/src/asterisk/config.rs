//! The files of one Asterisk, and its numbers:
//!
//! | number | what it does |
//! |---|---|
//! | 100 | answers with a tone of 1004 Hz |
//! | 200 | answers and logs four digits: `DIGITS 1234` |
//! | 300 | answers, plays the tone, hangs up after 3 s |
//! | 400 | rings the agent, and holds the box's end when the agent holds |
//! | 500 | puts the caller into a queue the agent serves |
//! | 600 | answers and echoes |
//! | 701 | is busy (486) |
//! | 702 | rings for ever |
//! | 703 | rings for 3 s, then nobody is there (480) |
//! | 704 | has no circuit (503) |
//! | 705 | plays the tone before it answers, after 5 s |
//! | 801 | answers, and after a second transfers the caller to 600 by REFER, and logs `TRANSFER <status>` |
//! | 802 | the same, to 701, which is busy; then it plays the tone |
//! | 803 | answers, and after a second calls the box with `Replaces` of this call and gives that call to 600 |
//! | 804 | sends the caller on to 100 (302) |
//! | 805 | sends the caller on to itself (302), as a broken forwarding does |
//! | 1xxxx | rings the agent under that number |
//! | 806 | answers, logs four digits as 200 does, and presses 1590 itself |
//! | 706 | does not exist (404): nothing is written for it |
//!
//! Every call logs `CALLER <number> NAME <name> UUI <User-to-User> TO <number>`, and at its end `HANGUP <channel> CAUSE
//! <Q.850>`. A call of [`super::Asterisk::ring`] goes the other way, through the context `to-box`, and logs `DIALLED
//! <number> STATUS <word> CAUSE <Q.850>`; one of [`super::Asterisk::ring_account`] the same through `to-account`. More numbers are in
//! [`super::dialplan`].

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use super::dialplan;
use crate::certificates::Files;
use crate::error::{Doing, Result};

/// Where one Asterisk and its peers listen.
#[derive(Debug, Clone)]
pub struct Ports {
    pub sip: SocketAddr,
    pub manager: SocketAddr,
    pub rtp_first: u16,
    pub rtp_count: u16,
    pub peer: SocketAddr,
    pub agent: SocketAddr,
}

/// How the box's end of the trunk is set up.
#[derive(Debug, Clone, Default)]
pub struct Trunk {
    /// The user and password asked for.
    pub digest: Option<(String, String)>,
    /// Calls the box over TCP; the box may call over both.
    pub tcp: bool,
    /// Seconds between OPTIONS to the box; none when zero.
    pub qualify_s: u32,
    /// How digits travel: `rfc4733` when absent, `inband` or `info`.
    pub dtmf: Option<&'static str>,
    /// Media is encrypted with keys in SDP, or refused.
    pub sdes: bool,
    /// The box registers; until then it cannot be called. Over TCP it is called back over its own connection.
    pub registers: bool,
    /// The password is asked for with SHA-256 instead of MD5.
    pub sha256: bool,
    /// Calls the box over TLS, and may be called over it.
    pub tls: Option<Tls>,
    /// Who calls speaks as browsers do: DTLS, ICE and Opus alone.
    pub webrtc: bool,
    /// RTP ports; 100 when zero.
    pub rtp_count: u16,
    /// Further lines of the endpoint the box is.
    pub endpoint: String,
    /// Further lines of the endpoint the agent is.
    pub agent: String,
}

/// TLS of one Asterisk.
#[derive(Debug, Clone)]
pub struct Tls {
    pub listen: SocketAddr,
    /// Where the box listens.
    pub peer: SocketAddr,
    pub files: Files,
    /// The certificate the box must have.
    pub trusted: PathBuf,
}

/// The tone of the music class `tone`.
pub const MUSIC_HZ: f64 = 880.0;

/// Account of the manager interface, which listens on loopback for the length of a test.
pub const MANAGER: (&str, &str) = ("harness", "harness");

/// Only what the numbers need: Asterisk then starts in a fraction of the time.
const MODULES: &[&str] = &[
    "res_sorcery_config",
    "res_sorcery_memory",
    "res_sorcery_astdb",
    "res_timing_timerfd",
    "res_pjproject",
    "res_pjsip",
    "res_pjsip_session",
    "res_pjsip_sdp_rtp",
    "res_pjsip_endpoint_identifier_ip",
    "res_pjsip_authenticator_digest",
    "res_pjsip_outbound_authenticator_digest",
    "res_pjsip_caller_id",
    "res_pjsip_diversion",
    "res_pjsip_dtmf_info",
    "res_pjsip_header_funcs",
    "res_pjsip_logger",
    "res_pjsip_nat",
    "res_pjsip_pubsub",
    "res_pjsip_refer",
    "res_pjsip_registrar",
    "res_pjsip_rfc3326",
    "res_rtp_asterisk",
    "res_srtp",
    "res_format_attr_h264",
    "res_musiconhold",
    "res_stasis",
    "res_stasis_device_state",
    "chan_pjsip",
    "pbx_config",
    "app_dial",
    "app_echo",
    "app_originate",
    "app_playback",
    "app_playtones",
    "app_queue",
    "app_read",
    "app_senddtmf",
    "app_stack",
    "app_transfer",
    "app_verbose",
    "func_callerid",
    "func_channel",
    "func_cut",
    "func_global",
    "func_pjsip_endpoint",
    "func_strings",
    "codec_alaw",
    "codec_ulaw",
    "codec_a_mu",
    "codec_g722",
    "codec_resample",
    "format_pcm",
    "format_wav",
    "bridge_builtin_features",
    "bridge_holding",
    "bridge_native_rtp",
    "bridge_simple",
    "bridge_softmix",
];

/// Besides, for browsers.
const WEBRTC_MODULES: &[&str] = &["codec_opus_open_source", "res_format_attr_opus"];

/// Writes everything into `folder`, which the chroot sees as `/mnt`.
pub fn write(folder: &Path, chroot: &Path, ports: &Ports, trunk: &Trunk) -> Result<()> {
    for name in ["etc", "log", "run", "spool", "db", "moh", "tls"] {
        fs::create_dir_all(folder.join(name)).doing("Asterisk's folders")?;
    }
    let host = fs::read_to_string("/etc/hostname").unwrap_or_default();
    fs::write(
        folder.join("hosts"),
        format!("127.0.0.1 localhost {}\n", host.trim()),
    )
    .doing("hosts")?;
    fs::write(folder.join("moh/tone.wav"), music()).doing("the music")?;
    if let Some(tls) = &trunk.tls {
        for (from, to) in [
            (&tls.files.certificate, "cert.pem"),
            (&tls.files.key, "key.pem"),
            (&tls.trusted, "box.pem"),
        ] {
            fs::copy(from, folder.join("tls").join(to)).doing(to)?;
        }
    }
    let files = [
        ("asterisk.conf", directories(chroot)?),
        ("modules.conf", modules(trunk.webrtc)),
        ("logger.conf", "[general]\ndateformat=%F %T.%3q\n[logfiles]\nfull.log => notice,warning,error,verbose(5)\n".to_owned()),
        ("manager.conf", manager(ports)),
        ("pjsip.conf", pjsip(ports, trunk)),
        ("rtp.conf", rtp(ports)),
        ("extensions.conf", format!("{EXTENSIONS}\n{}", dialplan::MORE)),
        ("queues.conf", QUEUES.to_owned()),
        ("musiconhold.conf", "[default]\nmode=files\ndirectory=moh\n[tone]\nmode=files\ndirectory=/mnt/moh\n".to_owned()),
        ("features.conf", "[featuremap]\natxfer => *2\n".to_owned()),
        ("indications.conf", "[general]\ncountry=us\n[us]\ndescription=United States\nringcadence=2000,4000\nring=440+480/2000,0/4000\nbusy=480+620/500,0/500\ncongestion=480+620/250,0/250\n".to_owned()),
    ];
    for (name, text) in files {
        fs::write(folder.join("etc").join(name), text).doing(name)?;
    }
    Ok(())
}

fn directories(chroot: &Path) -> Result<String> {
    let libraries = fs::read_dir(chroot.join("usr/lib")).doing("the chroot's libraries")?;
    let modules = libraries
        .flatten()
        .map(|e| {
            Path::new("/usr/lib")
                .join(e.file_name())
                .join("asterisk/modules")
        })
        .find(|path| chroot.join(path.strip_prefix("/").unwrap_or(path)).is_dir())
        .doing("the chroot has no modules of Asterisk")?;
    Ok(format!(
        "[directories]\nastetcdir => /mnt/etc\nastmoddir => {}\nastvarlibdir => /var/lib/asterisk\nastdbdir => /mnt/db\n\
         astkeydir => /var/lib/asterisk\nastdatadir => /usr/share/asterisk\nastagidir => /usr/share/asterisk/agi-bin\n\
         astspooldir => /mnt/spool\nastrundir => /mnt/run\nastlogdir => /mnt/log\n\n[options]\nverbose = 5\n",
        modules.display()
    ))
}

fn modules(webrtc: bool) -> String {
    let further = if webrtc { WEBRTC_MODULES } else { &[] };
    let loads: String = MODULES
        .iter()
        .chain(further)
        .map(|name| format!("load = {name}.so\n"))
        .collect();
    format!("[modules]\nautoload = no\n{loads}")
}

fn manager(ports: &Ports) -> String {
    let (user, secret) = MANAGER;
    format!(
        "[general]\nenabled = yes\nbindaddr = 127.0.0.1\nport = {}\n\n[{user}]\nsecret = {secret}\nread = all\nwrite = all\n",
        ports.manager.port()
    )
}

fn rtp(ports: &Ports) -> String {
    format!(
        "[general]\nrtpstart={}\nrtpend={}\nstrictrtp=yes\n",
        ports.rtp_first,
        ports.rtp_first + ports.rtp_count - 1
    )
}

/// A second of [`MUSIC_HZ`] at 8 kHz, as a WAV file: music that a test can tell from a voice.
fn music() -> Vec<u8> {
    let samples = (0..8000u32).map(|n| {
        let turn = f64::from(n) / 8000.0 * MUSIC_HZ * std::f64::consts::TAU;
        #[expect(clippy::cast_possible_truncation, reason = "within 16 bits")]
        let sample = (turn.sin() * 8000.0) as i16;
        sample
    });
    let data: Vec<u8> = samples.flat_map(i16::to_le_bytes).collect();
    let length = u32::try_from(data.len()).unwrap_or_default();
    let mut file = b"RIFF".to_vec();
    file.extend((36 + length).to_le_bytes());
    // PCM, one channel, 8000 a second, 16000 octets a second, 2 a sample, 16 bits.
    file.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x80\x3e\0\0\x02\0\x10\0data");
    file.extend(length.to_le_bytes());
    file.extend(data);
    file
}

fn pjsip(ports: &Ports, trunk: &Trunk) -> String {
    let digits = trunk.dtmf.unwrap_or("rfc4733");
    let endpoint = |name: &str, transport: &str, contact: String, further: &str, aor: &str| {
        format!(
            "[{name}]\ntype=endpoint\ntransport={transport}\ncontext=from-box\ndisallow=all\nallow=ulaw,alaw\n\
             aors={name}\ndtmf_mode={digits}\ndirect_media=no\nsend_pai=yes\ntrust_id_inbound=yes\n\
             trust_id_outbound=yes\nmoh_passthrough=yes\nrtp_symmetric=no\n{further}\n\
             [{name}]\ntype=aor\n{contact}\n{aor}\n"
        )
    };
    let mut listen: String = ["udp", "tcp"]
        .iter()
        .map(|name| {
            format!(
                "[{name}]\ntype=transport\nprotocol={name}\nbind={}\n\n",
                ports.sip
            )
        })
        .collect();
    if let Some(tls) = &trunk.tls {
        listen.push_str(&format!(
            "[tls]\ntype=transport\nprotocol=tls\nbind={}\nmethod=tlsv1_2\ncert_file=/mnt/tls/cert.pem\n\
             priv_key_file=/mnt/tls/key.pem\nca_list_file=/mnt/tls/box.pem\nverify_server=yes\n\n",
            tls.listen
        ));
    }
    let (transport, contact) = match (&trunk.tls, trunk.tcp) {
        (Some(tls), _) => ("tls", format!("sip:{};transport=tls", tls.peer)),
        (None, true) => ("tcp", format!("sip:{};transport=tcp", ports.peer)),
        (None, false) => ("udp", format!("sip:{}", ports.peer)),
    };
    let hash = match trunk.sha256 {
        true => "supported_algorithms_uas=SHA-256",
        false => "supported_algorithms_uas=MD5",
    };
    let (asks, digest) = match &trunk.digest {
        Some((user, password)) => (
            "auth=box\n",
            format!(
                "[box]\ntype=auth\nauth_type=digest\nusername={user}\npassword={password}\n{hash}\n\n"
            ),
        ),
        None => ("", String::new()),
    };
    let qualify = format!("qualify_frequency={}\n", trunk.qualify_s);
    let encryption = match trunk.sdes {
        true => "media_encryption=sdes\n",
        false => "",
    };
    let rewrite = match trunk.registers && trunk.tcp {
        true => "rewrite_contact=yes\n",
        false => "rewrite_contact=no\n",
    };
    let browser = match trunk.webrtc {
        true => "webrtc=yes\ndtls_auto_generate_cert=yes\ndisallow=all\nallow=opus\n",
        false => "",
    };
    let further = format!("{asks}{encryption}{rewrite}{browser}{}\n", trunk.endpoint);
    let contact = match trunk.registers {
        true => "max_contacts=1\nremove_existing=yes\nminimum_expiration=10".to_owned(),
        false => format!("contact={contact}"),
    };
    format!(
        "{listen}{}{}{digest}[box]\ntype=identify\nendpoint=box\nmatch=127.0.0.1\n",
        endpoint("box", transport, contact, &further, &qualify),
        endpoint(
            "agent",
            "udp",
            format!("contact=sip:agent@{}", ports.agent),
            &format!("rewrite_contact=no\n{}\n", trunk.agent),
            ""
        ),
    )
}

const EXTENSIONS: &str = "\
[general]
static = yes

[caller]
exten => log,1,Log(NOTICE,CALLER ${CALLERID(num)} NAME ${CALLERID(name)} UUI ${PJSIP_HEADER(read,User-to-User)} TO ${ARG1})
 same => n,Return()

[from-box]
exten => 100,1,Gosub(caller,log,1(${EXTEN}))
 same => n,Answer()
 same => n,Playtones(1004)
 same => n,Wait(600)

exten => 200,1,Gosub(caller,log,1(${EXTEN}))
 same => n,Answer()
 same => n,Read(digits,,4,,1,15)
 same => n,Log(NOTICE,DIGITS ${digits})
 same => n,Playtones(1004)
 same => n,Wait(600)

exten => 300,1,Gosub(caller,log,1(${EXTEN}))
 same => n,Answer()
 same => n,Playtones(1004)
 same => n,Wait(3)
 same => n,Hangup(16)

exten => 400,1,Gosub(caller,log,1(${EXTEN}))
 same => n,Dial(PJSIP/agent,30)

exten => 500,1,Gosub(caller,log,1(${EXTEN}))
 same => n,Answer()
 same => n,Queue(sales,,,,60)

exten => 600,1,Gosub(caller,log,1(${EXTEN}))
 same => n,Answer()
 same => n,Echo()

exten => 701,1,Gosub(caller,log,1(${EXTEN}))
 same => n,Hangup(17)

exten => 702,1,Gosub(caller,log,1(${EXTEN}))
 same => n,Ringing()
 same => n,Wait(600)

exten => 703,1,Gosub(caller,log,1(${EXTEN}))
 same => n,Ringing()
 same => n,Wait(3)
 same => n,Hangup(19)

exten => 704,1,Gosub(caller,log,1(${EXTEN}))
 same => n,Hangup(34)

exten => 705,1,Gosub(caller,log,1(${EXTEN}))
 same => n,Progress()
 same => n,Playtones(1004)
 same => n,Wait(5)
 same => n,Answer()
 same => n,Wait(600)

exten => 801,1,Gosub(caller,log,1(${EXTEN}))
 same => n,Answer()
 same => n,Wait(1)
 same => n,Transfer(PJSIP/sip:600@127.0.0.1)
 same => n,Log(NOTICE,TRANSFER ${TRANSFERSTATUS})
 same => n,Wait(600)

exten => 802,1,Gosub(caller,log,1(${EXTEN}))
 same => n,Answer()
 same => n,Wait(1)
 same => n,Transfer(PJSIP/sip:701@127.0.0.1)
 same => n,Log(NOTICE,TRANSFER ${TRANSFERSTATUS})
 same => n,Playtones(1004)
 same => n,Wait(600)

exten => 803,1,Gosub(caller,log,1(${EXTEN}))
 same => n,Answer()
 same => n,Set(GLOBAL(REPLACED)=${CHANNEL(pjsip,call-id)}\\;to-tag=${CHANNEL(pjsip,remote_tag)}\\;from-tag=${CHANNEL(pjsip,local_tag)})
 same => n,Wait(1)
 same => n,Originate(PJSIP/1@box,exten,from-box,600,1,30,ab(takeover^s^1))
 same => n,Wait(600)

exten => 804,1,Gosub(caller,log,1(${EXTEN}))
 same => n,Transfer(PJSIP/sip:100@127.0.0.1)

exten => 805,1,Gosub(caller,log,1(${EXTEN}))
 same => n,Transfer(PJSIP/sip:805@127.0.0.1)

exten => 806,1,Gosub(caller,log,1(${EXTEN}))
 same => n,Answer()
 same => n,Read(digits,,4,,1,15)
 same => n,Log(NOTICE,DIGITS ${digits})
 same => n,SendDTMF(1590,150,120)
 same => n,Wait(600)

exten => h,1,Log(NOTICE,HANGUP ${CHANNEL(name)} CAUSE ${HANGUPCAUSE})

[takeover]
exten => s,1,Set(PJSIP_HEADER(add,Replaces)=${GLOBAL(REPLACED)})
 same => n,Return()

[to-box]
exten => _[+0-9].,1,Set(number=${CUT(EXTEN,-,1)})
 same => n,Set(CALLERID(all)=Alice Example <4711>)
 same => n,Dial(PJSIP/${number}@box,${CUT(EXTEN,-,2)})
 same => n,Hangup()

exten => h,1,Log(NOTICE,DIALLED ${number} STATUS ${DIALSTATUS} CAUSE ${HANGUPCAUSE})

[to-account]
exten => _[+0-9].,1,Set(number=${CUT(EXTEN,-,1)})
 same => n,Set(CALLERID(all)=Alice Example <4711>)
 same => n,Dial(PJSIP/box,${CUT(EXTEN,-,2)},b(to-account^called^1(${number})))
 same => n,Hangup()

exten => called,1,Set(PJSIP_HEADER(add,P-Called-Party-ID)=<sip:${ARG1}@127.0.0.1>)
 same => n,Return()

exten => h,1,Log(NOTICE,DIALLED ${number} STATUS ${DIALSTATUS} CAUSE ${HANGUPCAUSE})
";

const QUEUES: &str = "\
[general]
persistentmembers = no

[sales]
strategy = ringall
timeout = 20
retry = 1
musicclass = default
member => PJSIP/agent
";
