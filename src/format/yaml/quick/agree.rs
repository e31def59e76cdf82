//! Both readers on one text: what tests and fuzzers hold them to.

use zeroize::Zeroizing;

use crate::format::Shown;
use crate::secret::SharedText;
use crate::tree::{Step, Steps, Tree, Value};

use super::super::compose::{Composed, compose};
use super::super::{checked, grammar};
use super::{look, read};

/// Whether the second reader says of a text what the first one says, places included; `None` where
/// it hands the text over.
pub fn readers_agree(text: &[u8]) -> Option<bool> {
    let source = SharedText::new(Zeroizing::new(text.to_vec()));
    let text = checked(text).ok()?;
    let quick = read(text, &source)?;
    let first = grammar::parse(text).and_then(|parsed| compose(text, &parsed));
    Some(first.is_ok_and(|first| is_same(&quick, &first) && is_shown(text, &first)))
}

fn is_same(quick: &Composed, first: &Composed) -> bool {
    quick.metadata == first.metadata
        && quick.layout == first.layout
        && is_same_tree(&quick.tree, &first.tree)
}

/// Whether a look shows the same steps.
fn is_shown(text: &str, first: &Composed) -> bool {
    let mut steps = Steps::of(&first.tree);
    let looked = look(text, &mut |shown| match (shown, steps.next()) {
        (Shown::EnterMap, Some(Step::EnterMap))
        | (Shown::EnterList, Some(Step::EnterList))
        | (Shown::Leave, Some(Step::Leave)) => true,
        (Shown::Key(key), Some(Step::Key(other))) => key == other,
        (Shown::Text(text), Some(Step::Leaf(leaf))) => equals(&Value::text(text), &leaf.value),
        (Shown::Value(value), Some(Step::Leaf(leaf))) => equals(value, &leaf.value),
        _ => false,
    });
    let metadata = looked.filter(|looked| looked.agrees);
    metadata.is_some_and(|looked| looked.metadata == first.metadata) && steps.next().is_none()
}

fn is_same_tree(a: &Tree, b: &Tree) -> bool {
    let mut others = Steps::of(b);
    let same = Steps::of(a).all(|step| match (step, others.next()) {
        (Step::EnterMap, Some(Step::EnterMap))
        | (Step::EnterList, Some(Step::EnterList))
        | (Step::Leave, Some(Step::Leave)) => true,
        (Step::Key(key), Some(Step::Key(other))) => key == other,
        (Step::Leaf(leaf), Some(Step::Leaf(other))) => {
            leaf.site == other.site && equals(&leaf.value, &other.value)
        }
        _ => false,
    });
    same && others.next().is_none()
}

fn equals(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Null, Value::Null) => true,
        (Value::Str(a), Value::Str(b)) => a.ct_eq(b),
        (Value::Int(a), Value::Int(b)) => a == b,
        (Value::Float(a), Value::Float(b)) => a.to_bits() == b.to_bits(),
        (Value::Bool(a), Value::Bool(b)) => a == b,
        (Value::Time(a), Value::Time(b)) => a == b,
        _ => false,
    }
}
