//! Before whom a media thread runs.
//!
//! | state | scheduling | ends when |
//! |---|---|---|
//! | prompt | real time (SCHED_RR): a packet that came is not kept waiting by anything else of the box | busier than [`OVERLOADED`] |
//! | yielding | as everything else: a thread that is drowned in datagrams must not drown signalling as well | less busy than [`RELIEVED`] |
//!
//! Real time is a privilege (CAP_SYS_NICE or RLIMIT_RTPRIO). Without it a thread stays as it is, and says so once.

use nix::libc;

const OVERLOADED: u64 = 900;
const RELIEVED: u64 = 700;
/// Of 1…99: above nothing but what has no place in real time.
const LEVEL: libc::c_int = 5;

/// The calling thread's. Not to be handed to another.
#[derive(Debug)]
pub struct Priority {
    state: State,
    _own: std::marker::PhantomData<*const ()>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Prompt,
    Yielding,
    /// There is no privilege to do anything about it.
    Given,
}

impl Priority {
    /// Makes the calling thread prompt.
    pub fn prompt() -> Self {
        let state = match schedule(libc::SCHED_RR, LEVEL) {
            Ok(()) => State::Prompt,
            Err(error) => {
                tracing::info!(%error, "media threads do without real-time scheduling");
                State::Given
            }
        };
        Self {
            state,
            _own: std::marker::PhantomData,
        }
    }

    /// Thousandths of its time that the thread was busy in the last second or so.
    pub fn note(&mut self, busy_permille: u64) {
        let next = next(self.state, busy_permille);
        if next == self.state {
            return;
        }
        let set = match next {
            State::Prompt => schedule(libc::SCHED_RR, LEVEL),
            State::Yielding | State::Given => schedule(libc::SCHED_OTHER, 0),
        };
        if set.is_ok() {
            self.state = next;
        }
    }
}

fn next(state: State, busy_permille: u64) -> State {
    match state {
        State::Prompt if busy_permille > OVERLOADED => State::Yielding,
        State::Yielding if busy_permille < RELIEVED => State::Prompt,
        other => other,
    }
}

fn schedule(policy: libc::c_int, level: libc::c_int) -> nix::Result<()> {
    let parameters = libc::sched_param {
        sched_priority: level,
    };
    // SAFETY: the parameters live until after the call, and 0 is the calling thread.
    let outcome = unsafe {
        libc::sched_setscheduler(0, policy | libc::SCHED_RESET_ON_FORK, &raw const parameters)
    };
    nix::errno::Errno::result(outcome).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_is_drowned_yields_until_it_is_relieved() {
        assert_eq!(next(State::Prompt, 900), State::Prompt);
        assert_eq!(next(State::Prompt, 950), State::Yielding);
        assert_eq!(next(State::Yielding, 750), State::Yielding);
        assert_eq!(next(State::Yielding, 100), State::Prompt);
        assert_eq!(next(State::Given, 950), State::Given);
    }

    #[test]
    fn a_thread_gets_what_the_system_grants_and_no_error() {
        std::thread::spawn(|| {
            let mut priority = Priority::prompt();
            priority.note(1_000);
            priority.note(0);
        })
        .join()
        .unwrap();
    }
}
