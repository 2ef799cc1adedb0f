//! The questions of the first start, answered.

use crate::answers::Answers;
use crate::error::CableError;
use crate::line::Line;
use crate::prompt::Prompt;
use crate::session::{Buried, DROP, Place, Session};

impl<L: Line> Session<L> {
    /// Answers the questions of the first start, and puts the answers into use. Says what the box said to that.
    ///
    /// # Errors
    /// [`CableError::Refused`], [`CableError::Unanswered`]: nothing was changed then. [`CableError::Failed`] when the box
    /// could not put them into use, and those of [`Session::attend`].
    pub fn set_up(&mut self, answers: &Answers) -> Result<String, CableError> {
        if self.place == Place::Unknown {
            self.attend()?;
        }
        match self.place {
            Place::Locked | Place::Unknown => return Err(CableError::Locked),
            Place::In => {
                self.screen.mark();
                self.type_line("setup")?;
            }
            // From the first, whatever somebody has answered.
            Place::FirstStart => {
                self.line.send(DROP)?;
                self.type_line("again")?;
            }
        }
        let mut asked: Option<&'static str> = None;
        loop {
            let prompt = self.prompt("the next question", Buried::Drop, |prompt| {
                !matches!(prompt, Prompt::Ready(_) | Prompt::Other(_))
            })?;
            let question = match prompt {
                Prompt::Password => "Password",
                Prompt::Question(question) => question,
                Prompt::Review => break,
                Prompt::Ready(_) | Prompt::Other(_) => continue,
            };
            if let Some(before) = asked
                && let Some(why) = self.refusal(before)
            {
                self.leave_questions()?;
                return Err(match answers.to(before) {
                    Some(_) => CableError::Refused {
                        question: before.to_owned(),
                        why,
                    },
                    None => CableError::Unanswered {
                        question: before.to_owned(),
                    },
                });
            }
            self.screen.mark();
            self.type_line(answers.to(question).unwrap_or_default())?;
            asked = Some(question);
        }
        self.screen.mark();
        self.type_line("yes")?;
        let prompt = self.prompt("the end of setting up", Buried::Enter, |prompt| {
            matches!(prompt, Prompt::Ready(_))
        })?;
        self.arrive(&prompt);
        self.outcome("setup")
    }

    /// `  PBX address: the port is a number`
    fn refusal(&self, question: &str) -> Option<String> {
        let why = |line: &String| {
            let rest = line.trim_start().strip_prefix(question)?;
            rest.strip_prefix(": ").map(str::to_owned)
        };
        let mut lines = self.screen.lines().iter().skip(1);
        lines.find_map(why).filter(|why| !why.is_empty())
    }

    pub(crate) fn leave_questions(&mut self) -> Result<(), CableError> {
        self.line.send(b"x\x03\x03")?;
        let prompt = self.prompt("the prompt", Buried::Drop, |_| true)?;
        self.arrive(&prompt);
        Ok(())
    }
}
