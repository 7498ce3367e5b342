//! Resolves variables to values: canonical name before aliases, every problem collected, no secret in any message.

use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use url::Url;

use super::names::{AMBIENT_ALIASES, Preset, Variable};
use super::secret::{Secret, SecretSource};

/// Which spelling of a variable gave its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The canonical name.
    pub name: &'static str,
    /// The spelling that won; `None` where the default holds.
    pub from: Option<&'static str>,
}

/// One variable that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The canonical name.
    pub name: &'static str,
    /// The other spelling that was used, if one was.
    pub alias: Option<&'static str>,
    /// Why, without the value of a secret.
    pub why: String,
}

/// Everything that is wrong with the environment, at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigErrors(pub Vec<Problem>);

impl fmt::Display for ConfigErrors {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "the configuration cannot be used:")?;
        for problem in &self.0 {
            write!(formatter, "\n  {}", problem.name)?;
            if let Some(alias) = problem.alias {
                write!(formatter, " (set as {alias})")?;
            }
            write!(formatter, ": {}", problem.why)?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}

/// Reads variables one by one and remembers what was wrong.
pub(super) struct Reader<'a> {
    lookup: &'a dyn Fn(&str) -> Option<String>,
    pub(super) problems: Vec<Problem>,
    pub(super) warnings: Vec<String>,
    pub(super) sources: Vec<Source>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(lookup: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Reader { lookup, problems: Vec::new(), warnings: Vec::new(), sources: Vec::new() }
    }

    pub(super) fn problem(&mut self, variable: &Variable, why: impl Into<String>) {
        let used = self.sources.iter().find(|source| source.name == variable.name);
        let alias = used.and_then(|source| source.from).filter(|from| *from != variable.name);
        let problem = Problem { name: variable.name, alias, why: why.into() };
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }

    /// The value that is set, under whichever spelling. Empty text counts as not set.
    pub(super) fn set(&mut self, variable: &Variable) -> Option<String> {
        let present = |name: &str| {
            (self.lookup)(name).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
        };
        let first_time = !self.sources.iter().any(|source| source.name == variable.name);
        let mut found: Option<(&'static str, String)> = None;
        for name in std::iter::once(variable.name).chain(variable.aliases.iter().copied()) {
            let Some(value) = present(name) else { continue };
            match &found {
                None => found = Some((name, value)),
                Some((winner, kept)) if first_time && *kept != value && !AMBIENT_ALIASES.contains(&name) => {
                    self.warnings.push(format!("{name} differs from {winner} and is ignored"));
                }
                Some(_) => {}
            }
        }
        if first_time {
            self.sources.push(Source { name: variable.name, from: found.as_ref().map(|(name, _)| *name) });
        }
        found.map(|(_, value)| value)
    }

    /// The value that is set, or the fixed default.
    pub(super) fn text(&mut self, variable: &Variable) -> Option<String> {
        self.set(variable).or_else(|| match variable.preset {
            Preset::Is(value) => Some(value.to_owned()),
            Preset::Unset | Preset::Depends(_) => None,
        })
    }

    /// The value read by `parse`; `None` where it is not set or is reported as a problem.
    pub(super) fn parsed<T>(
        &mut self,
        variable: &Variable,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        let text = self.text(variable)?;
        match parse(&text) {
            Ok(value) => Some(value),
            Err(why) => {
                self.problem(variable, why);
                None
            }
        }
    }

    /// One of a closed list of words.
    pub(super) fn word<T: Copy>(&mut self, variable: &Variable, words: &[(&str, T)]) -> Option<T> {
        self.parsed(variable, |text| {
            let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            words
                .iter()
                .find(|(word, _)| text.eq_ignore_ascii_case(word))
                .map(|(_, value)| *value)
                .ok_or_else(|| format!("{} is none of {}", shown(text), known.join(", ")))
        })
    }

    pub(super) fn flag(&mut self, variable: &Variable) -> Option<bool> {
        let words =
            [("true", true), ("false", false), ("1", true), ("0", false), ("yes", true), ("no", false)];
        self.word(variable, &words)
    }

    pub(super) fn number(&mut self, variable: &Variable, range: RangeInclusive<u64>) -> u64 {
        let lowest = *range.start();
        self.parsed(variable, |text| {
            let number = text.parse::<u64>().ok().filter(|number| range.contains(number));
            number.ok_or_else(|| {
                format!("{} is not a whole number from {} to {}", shown(text), range.start(), range.end())
            })
        })
        .unwrap_or(lowest)
    }

    pub(super) fn seconds(&mut self, variable: &Variable, range: RangeInclusive<u64>) -> Duration {
        Duration::from_secs(self.number(variable, range))
    }

    pub(super) fn secret(&mut self, variable: &Variable) -> Option<Secret> {
        self.text(variable).map(Secret::new)
    }

    /// A secret that is given itself or by the name of an SSM parameter, and never both ways.
    pub(super) fn secret_source(&mut self, inline: &Variable, ssm: &Variable) -> Option<SecretSource> {
        let parameter = self.parsed(ssm, |text| {
            let named = text.len() <= 1011
                && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/_.-".contains(&byte));
            if named { Ok(text.to_owned()) } else { Err("is not the name of an SSM parameter".to_owned()) }
        });
        match (self.secret(inline), parameter) {
            (Some(_), Some(_)) => {
                self.problem(inline, format!("is set together with {}", ssm.name));
                None
            }
            (Some(value), None) => Some(SecretSource::Inline(value)),
            (None, Some(name)) => Some(SecretSource::Ssm(name)),
            (None, None) => None,
        }
    }

    /// An absolute `http` or `https` URL without credentials, query or fragment.
    pub(super) fn url(&mut self, variable: &Variable) -> Option<Url> {
        self.parsed(variable, parse_url)
    }
}

/// Reads an absolute `http` or `https` URL. The reason for a refusal does not repeat it: it may hold a password.
pub(super) fn parse_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|_| "is not an absolute URL".to_owned())?;
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return Err("is not an http or https URL".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("holds credentials".to_owned());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("holds a query or a fragment".to_owned());
    }
    Ok(url)
}

/// A value as a message may show it: quoted, on one line, not long.
pub(super) fn shown(text: &str) -> String {
    let short: String = text.chars().take(40).collect();
    format!("{short:?}")
}
