//! Which values become variables of a program's environment, and which names are refused.
//!
//! A name that makes a program load or run something else is not a matter of configuration: whoever
//! can change a sealed file would run code with the rights of whoever opens it. The surprise: the name
//! of a value that is not sealed can be changed without a key, so such values are not taken either,
//! unless they are named on the command line.

use clsecrets::envelope::Opened;
use clsecrets::secret::SecretBytes;
use clsecrets::tree::{Leaf, Map, Node, Value};
use clsecrets::{Code, Error, error};

use super::families;

/// A variable for the program.
pub(super) struct Variable {
    pub(super) name: String,
    pub(super) value: SecretBytes,
}

/// How names are judged.
pub(super) struct Judge<'a> {
    /// Names that are meant, whatever they decide and whether their values are sealed.
    pub(super) allowed: &'a [String],
    /// Whether the program's environment has a variable of this name already.
    pub(super) is_there: &'a dyn Fn(&str) -> bool,
}

/// The variables that a file stands for.
pub(super) fn variables(
    opened: &Opened,
    judge: &Judge<'_>,
    file: &str,
) -> Result<Vec<Variable>, Error> {
    let refuse = |reason: String| {
        Error::new(
            Code::Failed,
            format!("cannot make an environment of {file}: {reason}"),
        )
    };
    let mut found: Vec<Variable> = Vec::new();
    let mut refused: Vec<(&str, Refusal)> = Vec::new();
    for pair in opened.tree().documents.iter().flat_map(Map::pairs) {
        let name = &pair.key;
        // A line end in a name makes lines of its own in whatever lists the environment.
        if name.is_empty() || name.contains(|one: char| one == '=' || one.is_control()) {
            let shown = error::quoted(name);
            return Err(refuse(format!("{shown} is not a valid variable name")));
        }
        let Node::Leaf(leaf) = &pair.value else {
            return Err(refuse(format!("{name} holds more than one value"))
                .hint("keep variables at the top of a file of their own, or use exec-file"));
        };
        refused.extend(
            judge
                .refusal(name, leaf, opened)
                .map(|why| (name.as_str(), why)),
        );
        let value = match &leaf.value {
            Value::Str(text) => text.duplicate(),
            Value::Null => SecretBytes::copy_of(b""),
            Value::Bool(flag) => SecretBytes::copy_of(flag.to_string().as_bytes()),
            other => clsecrets::cipher::with_plain(other, SecretBytes::copy_of),
        };
        found.retain(|one| one.name != *name);
        let name = name.clone();
        found.push(Variable { name, value });
    }
    let told = |(name, why): &(&str, Refusal)| match why {
        Refusal::Decides(what) => format!("{name} decides {what}"),
        Refusal::Clear => format!("{name} is not sealed, so its name can be changed without a key"),
        Refusal::Empties => format!("{name} is empty, and would take away what is there already"),
    };
    let names: Vec<String> = refused
        .iter()
        .map(|(name, _)| error::quoted(name))
        .collect();
    let hint = format!("--allow-name {}    # if that is meant", names.join(","));
    match &refused[..] {
        [] => Ok(found),
        [one] => Err(refuse(told(one)).hint(hint)),
        several => {
            let error = refuse("it has names that are not taken without being named".to_owned());
            let error = several
                .iter()
                .fold(error, |error, one| error.detail(told(one)));
            Err(error.hint(hint))
        }
    }
}

/// Why a name is not taken.
enum Refusal {
    Decides(&'static str),
    /// The key of a sealed value is bound to it; that of a clear one is bound to nothing, since the MAC
    /// is of values.
    Clear,
    /// What is empty is never sealed. It can do harm only where it takes something away.
    Empties,
}

impl Judge<'_> {
    fn refusal(&self, name: &str, leaf: &Leaf, opened: &Opened) -> Option<Refusal> {
        if self.allowed.iter().any(|allowed| allowed == name) {
            return None;
        }
        if let Some(what) = families::decides(name) {
            return Some(Refusal::Decides(what));
        }
        if opened.was_sealed(leaf.site) {
            return None;
        }
        let is_empty = match &leaf.value {
            Value::Null => true,
            Value::Str(text) => text.is_empty(),
            _ => false,
        };
        match (is_empty, (self.is_there)(name)) {
            (false, _) => Some(Refusal::Clear),
            (true, true) => Some(Refusal::Empties),
            (true, false) => None,
        }
    }
}
