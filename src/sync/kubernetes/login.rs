//! As whom requests come: a token, a name and a password, what a plug-in gives, and for whom they are
//! made. The order in which one outranks the other is that of `kubectl`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue};
use tokio::sync::Mutex;
use zeroize::Zeroizing;

use super::kubeconfig::{Provider, User, named, wrong};
use super::plugin::{Given, Plugin};
use crate::sync::{Fault, TargetError};

/// A token file is read again after so long: a pod's token is renewed beside us.
const REREAD: Duration = Duration::from_mins(1);
/// So long before it expires, a token is not used any more.
const MARGIN: i64 = 60;

/// What goes with each request.
#[derive(Debug)]
pub(super) struct Login {
    way: Way,
    /// For whom, if not for the user itself.
    others: Vec<(HeaderName, HeaderValue)>,
    context: String,
    /// Seconds since 1970 when the run began, and when that was.
    begun: (i64, Instant),
}

#[derive(Debug)]
enum Way {
    /// A certificate, or as nobody.
    Nothing,
    Fixed(HeaderValue),
    File(PathBuf, Mutex<Option<(HeaderValue, Instant)>>),
    Plugin(Box<Plugin>, Mutex<Option<Pass>>),
}

/// What a plug-in gave last, until it expires.
#[derive(Debug)]
struct Pass {
    header: Option<HeaderValue>,
    until: Option<i64>,
}

impl Login {
    /// Out of a kubeconfig; a plug-in runs only if nothing else is there to log in with.
    pub(super) fn of(
        user: &User,
        plugin: Option<Plugin>,
        context: &str,
        now: i64,
    ) -> Result<Self, TargetError> {
        let whose = |what: &str| format!("the {what} of the user of the context {context}");
        let name = user.username.as_deref().filter(|name| !name.is_empty());
        let token_file = user.token_file.as_deref().filter(|path| !path.is_empty());
        let has_certificate =
            user.client_certificate.is_some() || user.client_certificate_data.is_some();
        let way = if let Some(path) = token_file {
            Way::File(PathBuf::from(path), Mutex::default())
        } else if let Some(token) = user.token.text() {
            Way::Fixed(bearer(token, &whose("token"))?)
        } else if let (Some(name), Some(password)) = (name, user.password.text()) {
            Way::Fixed(basic(name, password, &whose("name or password"))?)
        } else if let Some(provider) = &user.auth_provider {
            Way::Fixed(provided(provider, context)?)
        } else if let Some(plugin) = plugin.filter(|_| !has_certificate) {
            Way::Plugin(Box::new(plugin), Mutex::default())
        } else {
            Way::Nothing
        };
        Ok(Self {
            way,
            others: others(user, context)?,
            context: context.to_owned(),
            begun: (now, Instant::now()),
        })
    }

    /// With a file of a token, as a pod has it.
    pub(super) fn by_file(path: &Path, context: &str) -> Self {
        Self {
            way: Way::File(path.to_owned(), Mutex::default()),
            others: Vec::new(),
            context: context.to_owned(),
            begun: (0, Instant::now()),
        }
    }

    /// Runs the plug-in, if there is one: what it gives can be a certificate, which the first
    /// connection needs.
    pub(super) async fn begin(&self) -> Result<Option<Given>, TargetError> {
        match &self.way {
            Way::Plugin(plugin, pass) => {
                let given = plugin.run().await?;
                *pass.lock().await = Some(self.pass(&given)?);
                Ok(Some(given))
            }
            _ => Ok(None),
        }
    }

    /// Adds what goes with a request.
    pub(super) async fn admit(&self, headers: &mut HeaderMap) -> Result<(), TargetError> {
        let header = match &self.way {
            Way::Nothing => None,
            Way::Fixed(header) => Some(header.clone()),
            Way::File(path, known) => {
                let mut known = known.lock().await;
                match &*known {
                    Some((header, since)) if since.elapsed() < REREAD => Some(header.clone()),
                    before => {
                        let header = match (self.of_file(path), before) {
                            // A file that is gone for a moment is no reason to stop.
                            (Err(_), Some((header, _))) => header.clone(),
                            (read, _) => read?,
                        };
                        *known = Some((header.clone(), Instant::now()));
                        Some(header)
                    }
                }
            }
            Way::Plugin(plugin, pass) => {
                let mut pass = pass.lock().await;
                let is_good = |pass: &Pass| pass.until.is_none_or(|until| self.now() < until);
                match &*pass {
                    Some(pass) if is_good(pass) => pass.header.clone(),
                    _ => {
                        let given = self.pass(&plugin.run().await?)?;
                        let header = given.header.clone();
                        *pass = Some(given);
                        header
                    }
                }
            }
        };
        if let Some(header) = header {
            headers.insert(AUTHORIZATION, header);
        }
        for (name, value) in &self.others {
            headers.append(name, value.clone());
        }
        Ok(())
    }

    /// Drops what a plug-in or a file gave, which the server does not take any more; whether there
    /// can be something better.
    pub(super) async fn forget(&self) -> bool {
        match &self.way {
            Way::File(_, known) => known.lock().await.take().is_some(),
            Way::Plugin(_, pass) => pass.lock().await.take().is_some(),
            Way::Nothing | Way::Fixed(_) => false,
        }
    }

    fn of_file(&self, path: &Path) -> Result<HeaderValue, TargetError> {
        let Self { context, .. } = self;
        let path_shown = named(&path.to_string_lossy());
        let what = format!("the token file{path_shown} of the context {context}");
        let content = crate::fs::read(path)
            .map_err(|error| wrong(format!("cannot read {what}: {}", crate::fs::plain(&error))))?;
        let text = std::str::from_utf8(&content.bytes).map(str::trim);
        match text {
            Ok("") => Err(wrong(format!("{what} is empty"))),
            Ok(text) => bearer(text, &what),
            Err(_) => Err(wrong(format!("{what} is not text"))),
        }
    }

    fn pass(&self, given: &Given) -> Result<Pass, TargetError> {
        let what = format!("the token of the plug-in of the context {}", self.context);
        let token = given.token.text();
        let header = token.map(|token| bearer(token, &what)).transpose()?;
        let until = match &given.expiration_timestamp {
            None => None,
            Some(text) => {
                let time: Result<jiff::Timestamp, _> = text.parse();
                let time =
                    time.map_err(|_| wrong(format!("{what} has an expiry that is not a time")))?;
                Some(time.as_second().saturating_sub(MARGIN))
            }
        };
        Ok(Pass { header, until })
    }

    fn now(&self) -> i64 {
        let (then, since) = self.begun;
        let passed = i64::try_from(since.elapsed().as_secs()).unwrap_or(i64::MAX);
        then.saturating_add(passed)
    }
}

fn bearer(token: &str, what: &str) -> Result<HeaderValue, TargetError> {
    header(&Zeroizing::new(format!("Bearer {token}")), what)
}

fn basic(name: &str, password: &str, what: &str) -> Result<HeaderValue, TargetError> {
    let both = Zeroizing::new(format!("{name}:{password}"));
    let mut text = Zeroizing::new("Basic ".to_owned());
    STANDARD.encode_string(both.as_bytes(), &mut text);
    header(&text, what)
}

/// A header with a secret in it. A line end in one would be a header of its own.
fn header(text: &Zeroizing<String>, what: &str) -> Result<HeaderValue, TargetError> {
    let made = HeaderValue::from_str(text);
    let mut made = made.map_err(|_| {
        let has_end = text.ends_with(['\n', '\r']);
        let why = if has_end {
            "a line end"
        } else {
            "a character that cannot be sent"
        };
        TargetError::new(Fault::Configuration, format!("{what} has {why} in it"))
            .hint("take it out of the kubeconfig, or name a file of it with tokenFile")
    })?;
    made.set_sensitive(true);
    Ok(made)
}

/// The one provider that is left in `kubectl` of those that need no plug-in.
fn provided(provider: &Provider, context: &str) -> Result<HeaderValue, TargetError> {
    let config = provider.config.as_ref();
    let token = config.and_then(|config| config.get("id-token")?.text());
    match token.filter(|_| provider.name == "oidc") {
        Some(token) => bearer(token, &format!("the id-token of the context {context}")),
        None => Err(wrong(format!(
            "the user of the context {context} logs in in a way that is not known here"
        ))
        .hint("let it log in with a plug-in (exec:), as kubectl does since 1.26")),
    }
}

/// For whom the requests are made (`as`).
fn others(user: &User, context: &str) -> Result<Vec<(HeaderName, HeaderValue)>, TargetError> {
    let mut found = Vec::new();
    let mut add = |name: &str, value: &str| {
        let header = HeaderName::from_bytes(name.as_bytes());
        let value = HeaderValue::from_str(value);
        match (header, value) {
            (Ok(name), Ok(value)) => {
                found.push((name, value));
                Ok(())
            }
            _ => Err(wrong(format!(
                "the context {context} impersonates somebody (as:) whose name cannot be sent"
            ))),
        }
    };
    let text = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    if let Some(name) = text(&user.impersonate) {
        add("impersonate-user", &name)?;
    }
    if let Some(uid) = text(&user.impersonate_uid) {
        add("impersonate-uid", &uid)?;
    }
    for group in user.impersonate_groups.iter().flatten() {
        add("impersonate-group", group)?;
    }
    for (key, values) in user.impersonate_extra.iter().flatten() {
        for value in values {
            add(&format!("impersonate-extra-{}", escaped(key)), value)?;
        }
    }
    Ok(found)
}

/// A key as a part of a header's name, where few characters may be.
fn escaped(key: &str) -> String {
    let mut text = String::new();
    for byte in key.bytes() {
        if byte.is_ascii_alphanumeric() || b"!#$&'*+-.^_`|~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}
