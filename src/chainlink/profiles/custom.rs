//! Profile `custom`: the objects that `clsecrets.yaml` spells out.

use std::collections::HashMap;

use super::super::composition::Maker;
use super::super::credentials::Credentials;
use super::super::desired::{Entry, Form, Marks, Place, Projection};
use super::super::environment::Environment;
use super::super::finding::{At, Finding};
use super::OURS;

/// All objects, made.
#[derive(Debug, Default)]
pub(super) struct Custom {
    objects: Vec<Made>,
}

#[derive(Debug)]
struct Made {
    name: String,
    targets: Vec<String>,
    form: Form,
    entries: Vec<Entry>,
    marks: Marks,
    wallets: Vec<Place>,
    missing: Vec<String>,
}

impl Custom {
    pub(super) fn new(
        environment: &Environment,
        credentials: &Credentials,
        findings: &mut Vec<Finding>,
    ) -> Self {
        let objects = environment.objects.iter().enumerate().map(|(at, spec)| {
            let mut made = Made {
                name: spec.name.clone(),
                targets: spec.targets.clone(),
                form: spec.form,
                entries: Vec::new(),
                marks: spec.marks.clone(),
                wallets: Vec::new(),
                missing: Vec::new(),
            };
            for (key, how) in &spec.entries {
                let maker = Maker {
                    credentials,
                    database: environment.node.database.as_ref(),
                    at: At::setting(&format!("objects.{at}.keys.{key}")),
                    name: format!("{}/{key} of environment {}", spec.name, environment.name),
                };
                let before = findings.len();
                match maker.make(how, findings) {
                    Some((value, sources)) => {
                        made.entries.push(Entry::made(key, value, sources));
                    }
                    None if findings.len() == before => made.missing.push(key.clone()),
                    None => {}
                }
                let wallets = maker.wallets(how).into_iter();
                made.wallets.extend(wallets.map(|(node, parts)| Place {
                    parts,
                    ..Place::whole(&node, &spec.name, key)
                }));
            }
            made
        });
        Self {
            objects: objects.collect(),
        }
    }

    pub(super) fn data(&self, target: &str) -> Projection {
        let data = self.going_to(target).filter(|made| made.form == Form::Json);
        project(data, "", Form::Data)
    }

    pub(super) fn texts(&self, prefix: &str) -> Projection {
        let all: Vec<&Made> = self.going_to("secretsmanager").collect();
        let mut projection = project(all.iter().copied(), prefix, Form::Json);
        // Of two with one name, which are refused elsewhere, the first.
        let named = all.iter().rev().map(|made| (made.name.as_str(), made.form));
        let named: HashMap<&str, Form> = named.collect();
        let forms = projection.objects.iter_mut().map(|object| {
            let name = object.name.strip_prefix(prefix).unwrap_or(&object.name);
            let form = named.get(name).copied();
            (object, form)
        });
        for (object, form) in forms {
            object.form = form.unwrap_or(Form::Json);
        }
        projection
    }

    pub(super) fn wallet_nodes(&self) -> Vec<String> {
        let places = self.objects.iter().flat_map(|made| &made.wallets);
        let mut nodes: Vec<String> = places.map(|place| place.node.clone()).collect();
        nodes.sort();
        nodes.dedup();
        nodes
    }

    fn going_to(&self, target: &str) -> impl Iterator<Item = &Made> {
        let is_meant = move |made: &&Made| {
            made.targets.is_empty() || made.targets.iter().any(|kind| kind == target)
        };
        self.objects.iter().filter(is_meant)
    }
}

fn project<'a>(made: impl Iterator<Item = &'a Made>, prefix: &str, form: Form) -> Projection {
    let mut projection = Projection {
        possible: OURS,
        ..Projection::default()
    };
    for made in made {
        let name = format!("{prefix}{}", made.name);
        for key in &made.missing {
            projection.skip(&name, Some(key), "what it is made of is not there");
        }
        let wallets = made.wallets.iter().map(|place| Place {
            object: name.clone(),
            ..place.clone()
        });
        projection.wallet.extend(wallets);
        let entries = made
            .entries
            .iter()
            .map(|entry| Entry::made(&entry.key, entry.value.duplicate(), entry.sources.clone()));
        let before = projection.objects.len();
        projection.add(&name, form, entries.collect());
        match projection.objects.get_mut(before) {
            Some(object) => object.marks = made.marks.clone(),
            None => projection.skip(&name, None, "nothing that it is made of is there"),
        }
    }
    projection
}
