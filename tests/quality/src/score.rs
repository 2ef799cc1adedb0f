//! PESQ (ITU-T P.862, narrow band) of what was heard, by the Python package `pesq`.

use crate::listener::lag;
use crate::speech::Speech;
use serde_json::{Value, json};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const SCRIPT: &str = include_str!("pesq.py");

/// Scores sounds against what was said.
#[derive(Debug)]
pub struct Judge<'a> {
    pub python: PathBuf,
    /// Where sounds are put for it.
    pub folder: PathBuf,
    pub speech: &'a Speech,
}

impl Judge<'_> {
    /// The mean score of all clips of each sound.
    ///
    /// # Errors
    /// A sentence when Python or the package fails.
    pub fn scores(&self, heard: &[(String, Vec<i16>)]) -> Result<Vec<f64>, String> {
        std::fs::create_dir_all(&self.folder).map_err(|e| e.to_string())?;
        let lags: Vec<i64> = heard
            .iter()
            .map(|(_, sound)| lag(&self.speech.narrow, sound))
            .collect();
        let mut tasks = String::new();
        for n in 0..self.speech.clips {
            let clip = self.speech.clip(n);
            let reference = self.put(&format!("said-{n}"), &self.speech.narrow[clip.clone()])?;
            let mut files = Vec::new();
            for ((name, sound), lag) in heard.iter().zip(&lags) {
                let part: Vec<i16> = (clip.start as i64 + lag..clip.end as i64 + lag)
                    .map(|at| usize::try_from(at).ok().and_then(|at| sound.get(at)))
                    .map(|sample| sample.copied().unwrap_or(0))
                    .collect();
                files.push(self.put(&format!("{name}-{n}"), &part)?);
            }
            tasks += &format!("{}\n", json!({"reference": reference, "heard": files}));
        }
        let lines = self.ask(&tasks)?;
        let mut means = vec![0.0; heard.len()];
        for line in &lines {
            let scores: Vec<f64> =
                serde_json::from_str(line).map_err(|e| format!("{line}: {e}"))?;
            for (mean, score) in means.iter_mut().zip(scores) {
                *mean += score / self.speech.clips as f64;
            }
        }
        Ok(means)
    }

    fn put(&self, name: &str, sound: &[i16]) -> Result<Value, String> {
        let path: PathBuf = self.folder.join(Path::new(name).with_extension("raw"));
        let octets: Vec<u8> = sound.iter().flat_map(|s| s.to_le_bytes()).collect();
        std::fs::write(&path, octets).map_err(|e| format!("{}: {e}", path.display()))?;
        Ok(json!(path))
    }

    fn ask(&self, tasks: &str) -> Result<Vec<String>, String> {
        let mut python = Command::new(&self.python)
            .args(["-c", SCRIPT])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|e| format!("{}: {e}", self.python.display()))?;
        let mut input = python.stdin.take().ok_or("no standard input")?;
        let tasks = tasks.to_owned();
        // Apart, so that neither side waits for the other with a full pipe.
        let writer = std::thread::spawn(move || input.write_all(tasks.as_bytes()));
        let out = python.wait_with_output().map_err(|e| e.to_string())?;
        let _ = writer.join();
        if !out.status.success() {
            return Err(format!("{} failed", self.python.display()));
        }
        let text = String::from_utf8_lossy(&out.stdout);
        Ok(text.lines().map(str::to_owned).collect())
    }
}
