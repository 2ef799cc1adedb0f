//! The page as text: a form of labelled fields that needs no script.

use super::form::{Answers, Field, SECTIONS};
use std::fmt::Write as _;

/// Its one style sheet.
pub const STYLE: &str = include_str!("style.css");

/// What is to be said above the form.
#[derive(Clone, Copy, Debug, Default)]
pub struct Complaint<'a> {
    /// For people, perhaps several lines; empty: nothing went wrong.
    pub why: &'a str,
    /// The field that it is about, where that is known.
    pub field: &'a str,
}

/// The form, with what was answered before; secrets have to be typed again.
pub fn form(answers: &Answers, complaint: Complaint<'_>) -> String {
    let mut body = String::new();
    body.push_str(
        "<h1>First set-up</h1>\n<p>Compare the certificate's SHA-256 fingerprint that your browser shows with the one at the box's console \
         before you type a password.</p>\n",
    );
    if !complaint.why.is_empty() {
        body.push_str("<div class=\"complaint\" role=\"alert\">\n<h2>Not set up yet</h2>\n");
        for line in complaint.why.lines() {
            let _ = writeln!(body, "<p>{}</p>", Escaped(line));
        }
        body.push_str("</div>\n");
    }
    body.push_str("<form method=\"post\" action=\"/\" accept-charset=\"utf-8\">\n");
    for (heading, fields) in &SECTIONS {
        let _ = writeln!(body, "<fieldset>\n<legend>{heading}</legend>");
        for field in *fields {
            write_field(&mut body, field, answers, complaint.field == field.name);
        }
        body.push_str("</fieldset>\n");
    }
    body.push_str("<button type=\"submit\">Put it into use</button>\n</form>\n");
    page("First set-up", &body)
}

fn write_field(body: &mut String, field: &Field, answers: &Answers, is_wrong: bool) {
    let Field {
        name,
        label,
        hint,
        offered,
        autocomplete,
        ..
    } = field;
    let answered = answers.get(field);
    let value = match (field.secret, answered) {
        (true, _) => "",
        (false, "") => offered,
        (false, answered) => answered,
    };
    let kind = if field.secret { "password" } else { "text" };
    let _ = write!(
        body,
        "<p>\n<label for=\"{name}\">{label}</label>\n<input id=\"{name}\" name=\"{name}\" type=\"{kind}\" value=\"{}\" \
         autocomplete=\"{autocomplete}\" autocapitalize=\"off\" spellcheck=\"false\" maxlength=\"200\"",
        Escaped(value)
    );
    if !hint.is_empty() {
        let _ = write!(body, " aria-describedby=\"{name}-hint\"");
    }
    if field.required {
        body.push_str(" required");
    }
    if is_wrong {
        body.push_str(" aria-invalid=\"true\" autofocus");
    }
    body.push_str(">\n");
    if !hint.is_empty() {
        let _ = writeln!(
            body,
            "<span class=\"hint\" id=\"{name}-hint\">{}</span>",
            Escaped(hint)
        );
    }
    body.push_str("</p>\n");
}

/// What is shown instead of the form when it is over, well or not.
pub fn end(heading: &str, text: &str) -> String {
    let mut body = format!("<h1>{}</h1>\n<div role=\"status\">\n", Escaped(heading));
    for line in text.lines() {
        let _ = writeln!(body, "<p>{}</p>", Escaped(line));
    }
    body.push_str("</div>\n");
    page(heading, &body)
}

fn page(title: &str, body: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{}</title>\n\
         <link rel=\"stylesheet\" href=\"/set-up.css\">\n</head>\n<body>\n<main>\n{body}</main>\n</body>\n</html>\n",
        Escaped(title)
    )
}

/// Text inside an element, or between quotation marks.
struct Escaped<'a>(&'a str);

impl std::fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for c in self.0.chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_come_back_escaped_and_secrets_do_not() {
        let answers = Answers::read(b"zone=%22%3E%3Cscript%3E&password=hunter2hunter2").unwrap();
        let complaint = Complaint {
            why: "<b>wrong</b>",
            field: "zone",
        };
        let page = form(&answers, complaint);
        assert!(page.contains("value=\"&quot;&gt;&lt;script&gt;\""));
        assert!(page.contains("&lt;b&gt;wrong"));
        assert!(!page.contains("hunter2") && !page.contains("<script"));
        assert_eq!(page.matches("aria-invalid").count(), 1);
    }

    #[test]
    fn every_field_has_a_label_and_its_hint() {
        let page = form(&Answers::default(), Complaint::default());
        for field in super::super::form::fields() {
            let name = field.name;
            assert!(page.contains(&format!("<label for=\"{name}\">")), "{name}");
            let hint = page.contains(&format!("id=\"{name}-hint\""));
            assert_eq!(hint, !field.hint.is_empty(), "{name}");
        }
        assert!(!page.contains("role=\"alert\""));
    }
}
