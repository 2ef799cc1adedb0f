//! What wants to be looked at: read now and then, raised and cleared with hysteresis, told with what to do.
//!
//! | subject | warning from, until | critical from, until | lasts before it is told |
//! |---|---|---|---|
//! | temperature, °C | 75, below 70 | 90, below 85 | 30 s |
//! | life of the disk that is used up, % | 80 | 95 | – |
//! | data partition in use, % | 85, below 80 | 95, below 92 | – |
//! | data partition read-only, or not there | – | at once | – |
//! | faults of the data partition's file system | – | at once, until the next start | – |
//! | memory available, % | 10, above 15 | 4, above 8 | 60 s |
//! | days the box's certificate is still good for | 21, above 22 | 3, above 4 | – |
//! | clock not set by a server | after 30 min | before the day the image was made, at once | – |
//! | times the gateway was restarted in 30 min | 1 | 3 | – |
//! | safe mode | – | at once | – |
//!
//! What cannot be read leaves its alarm as it is.

pub mod readings;

use serde::Serialize;
use std::collections::VecDeque;
use std::time::Duration;

/// What a reading found; none: it cannot be told, or there is no such thing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Readings {
    /// Of the hottest place, thousandths of a degree Celsius.
    pub millicelsius: Option<i32>,
    /// Life of the disk that is used up, in percent; more than 100 is possible.
    pub wear: Option<u32>,
    /// Of the data partition, in percent.
    pub disk_used: Option<u32>,
    /// The data partition takes no changes.
    pub read_only: Option<bool>,
    /// Faults of its file system that the kernel has counted.
    pub disk_errors: Option<u64>,
    /// The box runs without its data partition.
    pub data_absent: Option<bool>,
    /// Memory that is available, in percent.
    pub memory: Option<u32>,
    /// Until when the box's certificate is good, in seconds since 1970.
    pub certificate: Option<i64>,
    /// The time of day, in seconds since 1970.
    pub clock: i64,
    /// When the image was made, in seconds since 1970.
    pub made: Option<i64>,
    /// The clock is set by a server.
    pub synchronised: Option<bool>,
    /// How often the gateway was started anew, since the box was started.
    pub restarts: Option<u64>,
    /// Why the box is in safe mode.
    pub safe_mode: Option<String>,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Soon.
    Warning,
    /// Now.
    Critical,
}

/// What an alarm is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Subject {
    SafeMode,
    DataAbsent,
    DiskReadOnly,
    DiskErrors,
    DiskFull,
    DiskWear,
    Temperature,
    Gateway,
    Clock,
    Certificate,
    Memory,
}

impl Subject {
    /// In the order in which they are told.
    pub const ALL: [Self; 11] = [
        Self::SafeMode,
        Self::DataAbsent,
        Self::DiskReadOnly,
        Self::DiskErrors,
        Self::DiskFull,
        Self::DiskWear,
        Self::Temperature,
        Self::Gateway,
        Self::Clock,
        Self::Certificate,
        Self::Memory,
    ];

    /// How long something lasts before it is told.
    const fn lasts(self) -> Duration {
        Duration::from_secs(match self {
            Self::Temperature => 30,
            Self::Memory => 60,
            _ => 0,
        })
    }
}

/// Something that wants to be looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Alarm {
    /// What it is about.
    pub subject: Subject,
    /// How bad it is.
    pub severity: Severity,
    /// Since when, in seconds since 1970, by the clock of then.
    pub since: i64,
    /// What is wrong.
    pub text: String,
    /// What to do.
    pub advice: &'static str,
}

/// What changed with a reading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// There is a new alarm, or a known one is worse or less bad.
    Raised(Alarm),
    /// It is over.
    Cleared(Subject),
}

/// For how long restarts of the gateway count.
const RESTARTS: Duration = Duration::from_secs(30 * 60);
/// Until when a clock may be unset after the start.
const UNSET: Duration = Duration::from_secs(30 * 60);
const DAY: i64 = 86_400;

/// Watches readings. Times are since any moment, and never go back.
#[derive(Debug, Default)]
pub struct Watch {
    alarms: Vec<Alarm>,
    /// What is worse than what is told, and since when.
    pending: Vec<(Subject, Severity, Duration)>,
    began: Option<Duration>,
    restarts: Option<u64>,
    /// When the gateway was restarted: the last few times.
    crashes: VecDeque<Duration>,
}

impl Watch {
    /// With nothing to tell yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// What is to be told now, the worst kinds first.
    pub fn alarms(&self) -> &[Alarm] {
        &self.alarms
    }

    /// The worst of all; none when all is well.
    pub fn worst(&self) -> Option<Severity> {
        self.alarms.iter().map(|alarm| alarm.severity).max()
    }

    /// Takes a reading at `now` and says what changed.
    pub fn handle(&mut self, readings: &Readings, now: Duration) -> Vec<Change> {
        let began = *self.began.get_or_insert(now);
        self.count(readings, now);
        let mut changes = Vec::new();
        for subject in Subject::ALL {
            let told = self.alarms.iter().find(|alarm| alarm.subject == subject);
            let told = told.map(|alarm| alarm.severity);
            let Some((level, text)) =
                self.level(subject, readings, told, now.saturating_sub(began))
            else {
                continue;
            };
            let Some(level) = level else {
                self.pending.retain(|(other, ..)| *other != subject);
                if told.is_some() {
                    self.alarms.retain(|alarm| alarm.subject != subject);
                    changes.push(Change::Cleared(subject));
                }
                continue;
            };
            if told == Some(level) {
                self.pending.retain(|(other, ..)| *other != subject);
                // The same alarm, with the number of now.
                if let Some(alarm) = self.alarms.iter_mut().find(|a| a.subject == subject) {
                    alarm.text = text;
                }
                continue;
            }
            if Some(level) > told && !self.has_lasted(subject, level, now) {
                continue;
            }
            let since = self.alarms.iter().find(|alarm| alarm.subject == subject);
            let alarm = Alarm {
                subject,
                severity: level,
                since: since.map_or(readings.clock, |alarm| alarm.since),
                text,
                advice: advice(subject),
            };
            self.alarms.retain(|alarm| alarm.subject != subject);
            self.alarms.push(alarm.clone());
            self.alarms.sort_by_key(|alarm| alarm.subject);
            changes.push(Change::Raised(alarm));
        }
        changes
    }

    fn has_lasted(&mut self, subject: Subject, level: Severity, now: Duration) -> bool {
        let known = self
            .pending
            .iter()
            .position(|(s, l, _)| (*s, *l) == (subject, level));
        let since = known
            .and_then(|at| self.pending.get(at))
            .map(|(.., since)| *since);
        if since.is_none() {
            self.pending.retain(|(other, ..)| *other != subject);
            self.pending.push((subject, level, now));
        }
        let lasted = now.saturating_sub(since.unwrap_or(now)) >= subject.lasts();
        if lasted {
            self.pending.retain(|(other, ..)| *other != subject);
        }
        lasted
    }

    fn count(&mut self, readings: &Readings, now: Duration) {
        self.crashes.retain(|at| now.saturating_sub(*at) < RESTARTS);
        let Some(restarts) = readings.restarts else {
            return;
        };
        let new = match self.restarts {
            Some(before) => restarts.saturating_sub(before),
            None => 0,
        };
        self.restarts = Some(restarts);
        self.crashes.extend((0..new.min(8)).map(|_| now));
        while self.crashes.len() > 8 {
            self.crashes.pop_front();
        }
    }

    /// How bad a subject is, with what to say; the outer none: that cannot be told.
    fn level(
        &self,
        subject: Subject,
        readings: &Readings,
        told: Option<Severity>,
        up: Duration,
    ) -> Option<(Option<Severity>, String)> {
        let critical = |is: bool| is.then_some(Severity::Critical);
        Some(match subject {
            Subject::SafeMode => {
                let why = readings.safe_mode.clone();
                (critical(why.is_some()), why.unwrap_or_default())
            }
            Subject::DataAbsent => (
                critical(readings.data_absent?),
                "the box runs without its data partition: nothing is kept".to_owned(),
            ),
            Subject::DiskReadOnly => (
                critical(readings.read_only?),
                "the data partition takes no changes".to_owned(),
            ),
            Subject::DiskErrors => {
                let count = readings.disk_errors?;
                (
                    critical(count > 0),
                    format!("the data partition's file system has {count} faults"),
                )
            }
            Subject::DiskFull => {
                let used = readings.disk_used?;
                (
                    rising(i64::from(used), told, [(85, 80), (95, 92)]),
                    format!("the data partition is {used} % full"),
                )
            }
            Subject::DiskWear => {
                let wear = readings.wear?;
                (
                    rising(i64::from(wear), told, [(80, 80), (95, 95)]),
                    format!("{wear} % of the disk's life are used up"),
                )
            }
            Subject::Temperature => {
                let degrees = i64::from(readings.millicelsius?).div_euclid(1000);
                (
                    rising(degrees, told, [(75, 70), (90, 85)]),
                    format!("the box is {degrees} °C hot"),
                )
            }
            Subject::Gateway => {
                readings.restarts?;
                let count = self.crashes.len();
                let level = match count {
                    0 => None,
                    1..3 => Some(Severity::Warning),
                    _ => Some(Severity::Critical),
                };
                let times = if count == 1 { "once" } else { "several times" };
                (
                    level,
                    format!("the gateway was started anew {times} in half an hour"),
                )
            }
            Subject::Clock => match (readings.made, readings.synchronised) {
                (Some(made), _) if readings.clock < made => (
                    Some(Severity::Critical),
                    "the clock is before the day this version was made".to_owned(),
                ),
                (_, Some(set)) => {
                    let is = !set && (told.is_some() || up >= UNSET);
                    let text = "no server has set the clock".to_owned();
                    (is.then_some(Severity::Warning), text)
                }
                (_, None) => return None,
            },
            Subject::Certificate => {
                let left = (readings.certificate? - readings.clock).div_euclid(DAY);
                // A clock that is wrong says nothing about certificates.
                if readings.made.is_some_and(|made| readings.clock < made) {
                    return None;
                }
                let text = match left {
                    ..0 => "the box's certificate has expired".to_owned(),
                    0 => "the box's certificate expires today".to_owned(),
                    1 => "the box's certificate expires tomorrow".to_owned(),
                    days => format!("the box's certificate expires in {days} days"),
                };
                (rising(-left, told, [(-21, -22), (-3, -4)]), text)
            }
            Subject::Memory => {
                let left = readings.memory?;
                (
                    rising(-i64::from(left), told, [(-10, -15), (-4, -8)]),
                    format!("{left} % of the memory are left"),
                )
            }
        })
    }
}

/// The level of a value that is worse the higher it is. Each step has where it begins, and below which it ends.
fn rising(value: i64, told: Option<Severity>, steps: [(i64, i64); 2]) -> Option<Severity> {
    let [(warning, no_warning), (critical, no_critical)] = steps;
    let is = |from, until, severity| value >= from || (told >= Some(severity) && value >= until);
    match () {
        () if is(critical, no_critical, Severity::Critical) => Some(Severity::Critical),
        () if is(warning, no_warning, Severity::Warning) => Some(Severity::Warning),
        () => None,
    }
}

const fn advice(subject: Subject) -> &'static str {
    match subject {
        Subject::SafeMode => {
            "see the logs, put the configuration right and commit it, or leave safe mode"
        }
        Subject::DataAbsent => {
            "start the box again; if that does not help, the disk is to be replaced"
        }
        Subject::DiskReadOnly | Subject::DiskErrors => {
            "export the configuration, start the box again; if it comes back, replace the disk"
        }
        Subject::DiskFull => {
            "fetch and remove updates and support bundles; keep call records for a shorter time"
        }
        Subject::DiskWear => "plan to replace the disk; export the configuration",
        Subject::Temperature => "see to the air around the box and to its fans",
        Subject::Gateway => "make a support bundle and send it to the maker",
        Subject::Clock => "name a time server that the box reaches",
        Subject::Certificate => "put a new certificate on the box",
        Subject::Memory => "make a support bundle; start the box again when there are no calls",
    }
}

/// All alarms as one JSON object, for metrics and the console's banner.
pub fn to_json(alarms: &[Alarm]) -> String {
    #[derive(Serialize)]
    struct All<'a> {
        alarms: &'a [Alarm],
    }
    serde_json::to_string(&All { alarms }).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: i64 = 1_800_000_000;

    fn good() -> Readings {
        Readings {
            millicelsius: Some(45_000),
            wear: Some(1),
            disk_used: Some(20),
            read_only: Some(false),
            disk_errors: Some(0),
            data_absent: Some(false),
            memory: Some(60),
            certificate: Some(NOON + 60 * DAY),
            clock: NOON,
            made: Some(NOON - DAY),
            synchronised: Some(true),
            restarts: Some(0),
            safe_mode: None,
        }
    }

    /// What changes when one thing takes these values, a minute apart.
    fn told<T: Copy>(values: &[T], set: impl Fn(&mut Readings, T)) -> Vec<String> {
        let mut watch = Watch::new();
        let mut told = Vec::new();
        for (at, value) in values.iter().enumerate() {
            let mut readings = good();
            set(&mut readings, *value);
            let changes = watch.handle(&readings, Duration::from_secs(60 * at as u64));
            let shown = changes.into_iter().map(|change| match change {
                Change::Raised(alarm) => format!("{at} {:?}: {}", alarm.severity, alarm.text),
                Change::Cleared(_) => format!("{at} over"),
            });
            told.extend(shown);
        }
        told
    }

    #[test]
    fn heat_is_told_when_it_lasts_and_until_it_is_well_below() {
        let values = [45, 76, 45, 76, 76, 74, 91, 91, 89, 86, 84, 71, 69];
        assert_eq!(
            told(&values, |r, c| r.millicelsius = Some(c * 1000)),
            [
                "4 Warning: the box is 76 °C hot",
                "7 Critical: the box is 91 °C hot",
                "10 Warning: the box is 84 °C hot",
                "12 over"
            ]
        );
    }

    #[test]
    fn disks_memory_and_certificates_have_their_steps() {
        assert_eq!(
            told(&[84, 85, 81, 95, 92, 91, 79], |r, v| r.disk_used = Some(v)),
            [
                "1 Warning: the data partition is 85 % full",
                "3 Critical: the data partition is 95 % full",
                "5 Warning: the data partition is 91 % full",
                "6 over"
            ]
        );
        assert_eq!(
            told(&[60, 3, 3, 9, 16], |r, v| r.memory = Some(v)),
            [
                "2 Critical: 3 % of the memory are left",
                "3 Warning: 9 % of the memory are left",
                "4 over"
            ]
        );
        assert_eq!(
            told(&[60, 21, 3, 1, 0, -1, 90], |r, days| r.certificate =
                Some(NOON + days * DAY)),
            [
                "1 Warning: the box's certificate expires in 21 days",
                "2 Critical: the box's certificate expires in 3 days",
                "6 over"
            ]
        );
        assert_eq!(told(&[0, 80, 100], |r, v| r.wear = Some(v)).len(), 2);
    }

    #[test]
    fn a_clock_of_long_ago_is_told_at_once_and_one_that_nobody_sets_after_half_an_hour() {
        let y2k = 946_684_800;
        let told_of = told(&[y2k, NOON], |r, clock| {
            r.clock = clock;
            r.synchronised = Some(clock == NOON);
        });
        assert_eq!(
            told_of,
            [
                "0 Critical: the clock is before the day this version was made",
                "1 over"
            ],
            "and nothing of certificates"
        );
        let minutes: Vec<usize> = (0..35).collect();
        assert_eq!(
            told(&minutes, |r, _| r.synchronised = Some(false)),
            ["30 Warning: no server has set the clock"]
        );
    }

    #[test]
    fn a_gateway_that_keeps_ending_is_told_until_it_has_stood_for_half_an_hour() {
        let mut values = vec![7, 8, 8, 9, 10];
        values.extend([10; 35]);
        assert_eq!(
            told(&values, |r, v| r.restarts = Some(v)),
            [
                "1 Warning: the gateway was started anew once in half an hour",
                "4 Critical: the gateway was started anew several times in half an hour",
                "31 Warning: the gateway was started anew several times in half an hour",
                "34 over"
            ]
        );
    }

    #[test]
    fn what_cannot_be_read_leaves_its_alarm_and_the_worst_kind_is_first() {
        let mut watch = Watch::new();
        let bad = Readings {
            disk_used: Some(99),
            read_only: Some(true),
            ..good()
        };
        watch.handle(&bad, Duration::ZERO);
        assert_eq!(
            watch.handle(&Readings::default(), Duration::from_secs(60)),
            []
        );
        let subjects: Vec<Subject> = watch.alarms().iter().map(|a| a.subject).collect();
        assert_eq!(subjects, [Subject::DiskReadOnly, Subject::DiskFull]);
        assert_eq!(watch.worst(), Some(Severity::Critical));
        assert!(to_json(watch.alarms()).starts_with(
            "{\"alarms\":[{\"subject\":\"disk_read_only\",\"severity\":\"critical\",\"since\":1800000000,"
        ));
    }
}
