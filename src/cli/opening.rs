//! Opening sealed files: the data key by any recipient, once per wrapped key and run.

use std::path::Path;
use std::sync::Arc;

use clap::Args;
use clsecrets::deadline::Deadline;
use clsecrets::envelope::{EnvelopeError, OpenOptions, Opened, Sealed};
use clsecrets::error::shown;
use clsecrets::format::Format;
use clsecrets::keys::{self, Ask, Keyring};
use clsecrets::secret::{DataKey, Secret};
use clsecrets::{Error, Settings};
use zeroize::Zeroizing;

use super::face;
use super::hook;
use super::input::{Input, Naming};
use super::ui::Ui;

/// Options of every command that opens a file.
#[derive(Debug, Args)]
pub(crate) struct Opening {
    /// Take a file whose MAC is wrong or missing; each value still has to open.
    #[arg(long)]
    pub(crate) ignore_mac: bool,
    /// Kinds of recipients to try first, comma separated.
    #[arg(long, value_name = "KIND,KIND")]
    pub(crate) decryption_order: Option<String>,
}

/// Why a file does not open.
#[derive(Debug)]
pub(crate) enum Failed {
    /// It is not as a sealed file is, or was changed.
    Envelope(EnvelopeError),
    /// No recipient of it is at hand.
    Keys(Error),
}

/// Opens files of one run.
#[derive(Debug)]
pub(crate) struct Opener<'a> {
    settings: &'a Settings,
    ui: &'a Ui,
    keyring: Keyring,
    order: Vec<String>,
}

impl<'a> Opener<'a> {
    pub(crate) fn new(
        settings: &'a Settings,
        ui: &'a Ui,
        order: Option<&str>,
    ) -> Result<Self, Error> {
        let order = keys::decryption_order(order, settings)?;
        key_services(settings, ui)?;
        let keyring = Keyring::asking(Arc::new(Passphrases::default()));
        Ok(Self {
            settings,
            ui,
            keyring,
            order,
        })
    }

    /// The same, waiting no longer than until then.
    #[must_use]
    pub(crate) fn until(self, deadline: Deadline) -> Self {
        let passphrases = Passphrases(deadline.clone());
        Self {
            keyring: Keyring::asking(Arc::new(passphrases)).until(deadline),
            ..self
        }
    }

    /// Opens what was read.
    pub(crate) fn open(
        &self,
        input: Input,
        options: OpenOptions,
    ) -> Result<(Opened, DataKey), Error> {
        let (path, is_file) = (input.path, input.stamp.is_some());
        let opened = self.open_text(&input.name, input.format, input.text, options)?;
        // What this machine has opened, its hook knows.
        if is_file && let Err(reason) = hook::refresh(self.settings, &path, &opened.0) {
            self.ui.warn(&format!(
                "the index of known values was not refreshed: {reason}"
            ));
        }
        Ok(opened)
    }

    /// Opens a sealed text that messages call `name`.
    pub(crate) fn open_text(
        &self,
        name: &str,
        format: &'static dyn Format,
        text: Zeroizing<Vec<u8>>,
        options: OpenOptions,
    ) -> Result<(Opened, DataKey), Error> {
        self.try_text(name, format, text, options)
            .map_err(|failed| match failed {
                Failed::Envelope(error) => error.about(name, true),
                Failed::Keys(error) => error,
            })
    }

    /// The same, for whoever has to know why it does not open.
    pub(crate) fn try_text(
        &self,
        name: &str,
        format: &'static dyn Format,
        text: Zeroizing<Vec<u8>>,
        options: OpenOptions,
    ) -> Result<(Opened, DataKey), Failed> {
        let sealed = Sealed::parse(format, text).map_err(Failed::Envelope)?;
        let key_groups = &sealed.metadata().key_groups;
        let unwrapping = self
            .keyring
            .unwrap_any(key_groups, &self.order, self.settings);
        let data_key = keys::block_on(unwrapping)
            .map_err(Failed::Keys)?
            .map_err(|error| Failed::Keys(error.about(name)))?;
        let opened = sealed.open(&data_key, options).map_err(Failed::Envelope)?;
        for warning in &opened.warnings {
            self.ui.warn(&format!("{name}: {warning}"));
        }
        if let Some(note) = opened.layout_note() {
            self.ui.note(&format!("{name}: {note}"));
        }
        Ok((opened, data_key))
    }

    /// The data key of a sealed text, if it is at hand; nothing is opened with it.
    pub(crate) fn data_key(
        &self,
        format: &'static dyn Format,
        text: Zeroizing<Vec<u8>>,
    ) -> Option<DataKey> {
        let sealed = Sealed::parse(format, text).ok()?;
        let key_groups = &sealed.metadata().key_groups;
        let unwrapping = self
            .keyring
            .unwrap_any(key_groups, &self.order, self.settings);
        keys::block_on(unwrapping).ok()?.ok()
    }

    /// Opens a sealed file by its path.
    pub(crate) fn open_file(&self, path: &Path) -> Result<(Opened, DataKey), Error> {
        self.open(
            Input::read(path, &Naming::default(), self.settings)?,
            OpenOptions::default(),
        )
    }

    /// The master keys of this run.
    pub(crate) fn keyring(&self) -> &Keyring {
        &self.keyring
    }
}

/// The cleartext of an opened file; what is to be said of its layout is said.
pub(crate) fn clear_text(
    opened: &Opened,
    name: &str,
    ui: &Ui,
) -> Result<Zeroizing<Vec<u8>>, Error> {
    let clear = opened.clear().map_err(|error| error.about(name, true))?;
    if let Some(note) = clear.note {
        ui.note(&format!("{name}: {note}"));
    }
    Ok(clear.text)
}

/// Key services are not asked yet; where nothing else may be, nothing can be opened.
fn key_services(settings: &Settings, ui: &Ui) -> Result<(), Error> {
    if settings
        .var("SOPS_ENABLE_LOCAL_KEYSERVICE")
        .is_some_and(|text| face::is_off(text.as_ref()))
    {
        return Err(face::no_key_service().hint("unset SOPS_ENABLE_LOCAL_KEYSERVICE"));
    }
    if settings.var("SOPS_KEYSERVICE").is_some() {
        ui.warn("SOPS_KEYSERVICE is not heeded: key services are not supported yet");
    }
    Ok(())
}

/// Asks for the passphrases of identities, on the terminal and without echo.
#[derive(Debug, Default)]
struct Passphrases(Deadline);

impl Ask for Passphrases {
    fn passphrase(&self, what: &str) -> Option<Secret<String>> {
        let prompt = shown(&format!("Enter the {what}: ")).into_owned();
        let answer = self.0.asking(|| rpassword::prompt_password(prompt));
        answer.ok().map(Secret::new)
    }
}
