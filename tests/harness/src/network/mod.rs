//! Networks of a test's own: namespaces of the kernel, joined by cables, with the kernel's firewall between them.
//!
//! A program started in a namespace sees its cables and nothing else of the machine, so a browser there has the addresses,
//! routes and obstacles of a caller at home, in an office or on a train. Needs root, `ip` and `nft`.

mod lines;
mod middlebox;

pub use lines::{Addresses, Lines};
pub use middlebox::{Middlebox, Passing};

use std::fs::File;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use nix::sched::{CloneFlags, setns};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;

use crate::error::{Doing, HarnessError, Result};

/// One network namespace; it is gone when its last clone is dropped and its programs have ended.
#[derive(Debug, Clone)]
pub struct Namespace(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    name: String,
    file: Arc<File>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        // Not waited for with patience: the kernel takes it down when nobody is in it any more.
        let _ = std::process::Command::new("ip")
            .args(["netns", "del", &self.name])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
    }
}

/// Whether this user may make namespaces and has what is needed for it; else what is missing.
pub fn missing() -> Option<&'static str> {
    let found = |program: &str| {
        let path = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&path)
            .chain(["/usr/sbin".into(), "/sbin".into()])
            .any(|folder| folder.join(program).is_file())
    };
    if !nix::unistd::geteuid().is_root() {
        return Some("only root can make network namespaces");
    }
    if !found("ip") {
        return Some("the program ip (package iproute2) is missing");
    }
    (!found("nft")).then_some("the program nft (package nftables) is missing")
}

impl Namespace {
    /// Makes one with its loopback up; `role` is part of its name.
    pub async fn new(role: &str) -> Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("cw{}-{number}-{role}", std::process::id());
        run("ip", &["netns", "add", &name]).await?;
        let file = File::open(format!("/run/netns/{name}")).doing("a new namespace")?;
        let made = Self(Arc::new(Inner {
            name,
            file: Arc::new(file),
        }));
        made.ip("link set lo up").await?;
        Ok(made)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Runs `ip` in it with these words.
    pub async fn ip(&self, words: &str) -> Result<()> {
        let mut arguments = vec!["-n", self.name()];
        arguments.extend(words.split_whitespace());
        run("ip", &arguments).await
    }

    /// A cable from here, where its end has the name `here`, to `other`, where it is called `there`.
    pub async fn cable(&self, here: &str, other: &Self, there: &str) -> Result<()> {
        self.ip(&format!(
            "link add {here} type veth peer name {there} netns {}",
            other.name()
        ))
        .await?;
        self.ip(&format!("link set {here} up")).await?;
        other.ip(&format!("link set {there} up")).await
    }

    /// Replaces its firewall and address translation by these rules of `nft`.
    pub async fn rules(&self, rules: &str) -> Result<()> {
        let mut child = {
            let mut command = Command::new("nft");
            command
                .args(["-f", "-"])
                .stdin(Stdio::piped())
                .stderr(Stdio::piped());
            self.enter(&mut command);
            command.spawn().doing("nft")?
        };
        let text = format!("flush ruleset\n{rules}\n");
        let mut input = child.stdin.take().doing("nft's input")?;
        input.write_all(text.as_bytes()).await.doing("nft")?;
        drop(input);
        let done = child.wait_with_output().await.doing("nft")?;
        if done.status.success() {
            return Ok(());
        }
        Err(HarnessError::new(format!(
            "nft: {}",
            String::from_utf8_lossy(&done.stderr).trim()
        )))
    }

    /// Lets `command` run in it.
    pub fn enter(&self, command: &mut Command) {
        let file = Arc::clone(&self.0.file);
        // SAFETY: setns is one system call, and the descriptor is open until the command is dropped.
        unsafe {
            command.pre_exec(move || Ok(setns(file.as_fd(), CloneFlags::CLONE_NEWNET)?));
        }
    }

    /// Does something on a thread that is in it: a socket stays where it was made.
    async fn within<T: Send + 'static>(
        &self,
        act: impl FnOnce() -> std::io::Result<T> + Send + 'static,
    ) -> Result<T> {
        let file = Arc::clone(&self.0.file);
        let (tell, told) = tokio::sync::oneshot::channel();
        // A thread of its own, which ends: one of the runtime's would stay in the namespace.
        std::thread::spawn(move || {
            let entered = setns(file.as_fd(), CloneFlags::CLONE_NEWNET).map_err(Into::into);
            let _ = tell.send(entered.and_then(|()| act()));
        });
        told.await
            .doing("a thread in a namespace")?
            .doing("in a namespace")
    }

    /// Connects from within it.
    pub async fn connect(&self, to: SocketAddr) -> Result<TcpStream> {
        let stream = self
            .within(move || {
                let stream =
                    std::net::TcpStream::connect_timeout(&to, std::time::Duration::from_secs(5))?;
                stream.set_nonblocking(true)?;
                Ok(stream)
            })
            .await?;
        TcpStream::from_std(stream).doing("a connection")
    }

    /// Listens within it.
    pub async fn listen(&self, at: SocketAddr) -> Result<TcpListener> {
        let listener = self
            .within(move || {
                let listener = std::net::TcpListener::bind(at)?;
                listener.set_nonblocking(true)?;
                Ok(listener)
            })
            .await?;
        TcpListener::from_std(listener).doing("a listener")
    }
}

/// Connects to `to`, from within a namespace where one is given.
pub async fn connect(from: Option<&Namespace>, to: SocketAddr) -> Result<TcpStream> {
    match from {
        Some(namespace) => namespace.connect(to).await,
        None => TcpStream::connect(to).await.doing("connecting"),
    }
}

async fn run(program: &str, arguments: &[&str]) -> Result<()> {
    let done = Command::new(program)
        .args(arguments)
        .output()
        .await
        .doing(program)?;
    if done.status.success() {
        return Ok(());
    }
    Err(HarnessError::new(format!(
        "{program} {}: {}",
        arguments.join(" "),
        String::from_utf8_lossy(&done.stderr).trim()
    )))
}
