//! Which values become variables of a program's environment, and which names are refused.
//!
//! A name that makes a program load or run something else is not a matter of configuration: whoever
//! can change a sealed file would run code with the rights of whoever opens it.

use clsecrets::envelope::Opened;
use clsecrets::secret::SecretBytes;
use clsecrets::tree::{Map, Node, Value};
use clsecrets::{Code, Error, error};

/// Names that are refused; one that ends in `*` is a beginning.
const DANGEROUS: &[&str] = &[
    "PATH",
    "LD_*",
    "DYLD_*",
    "GLIBC_TUNABLES",
    "GCONV_PATH",
    "IFS",
    "ENV",
    "BASH_ENV",
    "BASH_FUNC_*",
    "BASHOPTS",
    "SHELLOPTS",
    "PS4",
    "PROMPT_COMMAND",
    "ZDOTDIR",
    "PERL5LIB",
    "PERL5OPT",
    "PERL5DB",
    "PYTHONPATH",
    "PYTHONHOME",
    "PYTHONSTARTUP",
    "RUBYLIB",
    "RUBYOPT",
    "NODE_OPTIONS",
    "NODE_PATH",
    "JAVA_TOOL_OPTIONS",
    "_JAVA_OPTIONS",
    "JDK_JAVA_OPTIONS",
    "CLASSPATH",
    "GIT_SSH",
    "GIT_SSH_COMMAND",
    "GIT_EXEC_PATH",
    "GIT_EXTERNAL_DIFF",
    "GIT_PROXY_COMMAND",
    "GIT_CONFIG*",
];

/// A variable for the program.
pub(super) struct Variable {
    pub(super) name: String,
    pub(super) value: SecretBytes,
}

/// The variables that a file stands for.
pub(super) fn variables(
    opened: &Opened,
    allowed: &[String],
    file: &str,
) -> Result<Vec<Variable>, Error> {
    let refuse = |reason: String| {
        Error::new(
            Code::Failed,
            format!("cannot make an environment of {file}: {reason}"),
        )
    };
    let mut found: Vec<Variable> = Vec::new();
    for pair in opened.tree().documents.iter().flat_map(Map::pairs) {
        let name = &pair.key;
        if name.is_empty() || name.contains(['=', '\0']) {
            return Err(refuse(format!("{name:?} is no name of a variable")));
        }
        if is_dangerous(name) && !allowed.contains(name) {
            return Err(
                refuse(format!("{name} decides what programs load or run")).hint(format!(
                    "--allow-name {}    # if that is meant",
                    error::quoted(name)
                )),
            );
        }
        let Node::Leaf(leaf) = &pair.value else {
            return Err(refuse(format!("{name} holds more than one value"))
                .hint("keep variables at the top of a file of their own, or use exec-file"));
        };
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
    Ok(found)
}

fn is_dangerous(name: &str) -> bool {
    DANGEROUS.iter().any(|known| match known.strip_suffix('*') {
        Some(beginning) => name.starts_with(beginning),
        None => name == *known,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_change_what_runs_are_known() {
        for name in [
            "PATH",
            "LD_PRELOAD",
            "LD_LIBRARY_PATH",
            "BASH_ENV",
            "GIT_CONFIG_COUNT",
        ] {
            assert!(is_dangerous(name), "{name}");
        }
        for name in [
            "PATHS",
            "DATABASE_URL",
            "OLD_X",
            "GIT_AUTHOR_NAME",
            "ENVIRONMENT",
        ] {
            assert!(!is_dangerous(name), "{name}");
        }
    }
}
