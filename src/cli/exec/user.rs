//! Another user to run a program as: looked up in the files of this machine.
//!
//! The change is one of a thread, from which the program is started; our process stays who it is. Its
//! groups are those of that user, not ours.

use clsecrets::{Code, Error};

/// Who runs the program.
#[derive(Debug, Clone)]
pub(super) struct User {
    pub(super) name: String,
    pub(super) home: String,
    pub(super) id: u32,
    pub(super) group: u32,
    groups: Vec<u32>,
}

impl User {
    /// Looks a user up by name.
    pub(super) fn named(name: &str) -> Result<Self, Error> {
        let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
        let groups = std::fs::read_to_string("/etc/group").unwrap_or_default();
        Self::of(name, &users, &groups).ok_or_else(|| {
            Error::new(
                Code::Failed,
                format!("there is no user {name} on this machine"),
            )
        })
    }

    fn of(name: &str, users: &str, groups: &str) -> Option<Self> {
        let fields = |line: &str| line.split(':').map(str::to_owned).collect::<Vec<_>>();
        let is_it = |fields: &Vec<String>| fields.first().is_some_and(|first| first == name);
        let entry = users.lines().map(fields).find(is_it)?;
        let number = |at: usize| entry.get(at)?.parse().ok();
        let (id, group) = (number(2)?, number(3)?);
        let mut all = vec![group];
        for line in groups.lines().map(fields) {
            let members = line.get(3).map(String::as_str).unwrap_or_default();
            let is_member = members.split(',').any(|member| member == name);
            if let (true, Some(Ok(other))) = (is_member, line.get(2).map(|id| id.parse()))
                && other != group
            {
                all.push(other);
            }
        }
        Some(Self {
            name: name.to_owned(),
            home: entry.get(5)?.clone(),
            id,
            group,
            groups: all,
        })
    }

    /// Becomes that user, in this thread.
    #[cfg(target_os = "linux")]
    pub(super) fn become_it(&self) -> std::io::Result<()> {
        use rustix::process::{Gid, Uid};
        use rustix::thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid};
        let groups: Vec<Gid> = self.groups.iter().map(|id| Gid::from_raw(*id)).collect();
        let (user, group) = (Uid::from_raw(self.id), Gid::from_raw(self.group));
        set_thread_groups(&groups)?;
        set_thread_res_gid(group, group, group)?;
        set_thread_res_uid(user, user, user)?;
        Ok(())
    }

    /// Becomes that user, in this thread.
    #[cfg(not(target_os = "linux"))]
    pub(super) fn become_it(&self) -> std::io::Result<()> {
        let _ = &self.groups;
        Err(std::io::ErrorKind::Unsupported.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_has_the_groups_that_name_it() {
        let users = "root:x:0:0:root:/root:/bin/sh\nnode:x:1000:100:,,,:/home/node:/bin/sh\n";
        let groups = "root:x:0:\nusers:x:100:node\nadm:x:4:x,node\nnodes:x:5:nodes\n";
        let user = User::of("node", users, groups).unwrap();
        assert_eq!(
            (user.id, user.group, user.groups),
            (1000, 100, vec![100, 4])
        );
        assert_eq!(user.home, "/home/node");
        assert!(User::of("nobody", users, groups).is_none());
    }
}
