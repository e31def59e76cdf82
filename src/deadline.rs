//! When a command has to be done: one deadline for all that it waits for, from opening files to the
//! last answer of a target.
//!
//! The surprise: the clock stands still while a person is asked, so that nobody types in a hurry.

use std::future::Future;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::process::Child;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

/// What is waited for beyond the deadline, so that whoever knows better what is late can say so first.
const LAST: Duration = Duration::from_millis(300);
/// Between two looks at a program that has closed its output and not ended.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// When a command has to be done; without a limit, when it is done. Copies are one deadline.
#[derive(Debug, Clone, Default)]
pub struct Deadline(Option<Limit>);

#[derive(Debug, Clone)]
struct Limit {
    begun: Instant,
    after: Duration,
    /// What comes on top, and is not a part of what people call the limit.
    more: Duration,
    /// How long people were asked.
    asking: Arc<Mutex<Duration>>,
}

/// The time is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Late;

impl Deadline {
    /// So long from now on.
    pub fn after(after: Duration) -> Self {
        Self(Some(Limit {
            begun: Instant::now(),
            after,
            more: Duration::ZERO,
            asking: Arc::default(),
        }))
    }

    /// The same, so much later.
    #[must_use]
    pub fn later(mut self, more: Duration) -> Self {
        if let Some(limit) = &mut self.0 {
            limit.more += more;
        }
        self
    }

    /// How much time is left; `None` without a limit.
    pub fn left(&self) -> Option<Duration> {
        let limit = self.0.as_ref()?;
        let asking = *limit.asking.lock().unwrap_or_else(PoisonError::into_inner);
        let whole = limit.after + limit.more + asking;
        Some(whole.saturating_sub(limit.begun.elapsed()))
    }

    /// Whether no time is left.
    pub fn is_over(&self) -> bool {
        self.left().is_some_and(|left| left.is_zero())
    }

    /// The limit, as a person would say it.
    pub fn words(&self) -> String {
        let seconds = self.0.as_ref().map_or(0, |limit| limit.after.as_secs());
        if seconds >= 60 && seconds.is_multiple_of(60) {
            format!("the time limit of {}m", seconds / 60)
        } else {
            format!("the time limit of {seconds}s")
        }
    }

    /// Asks a person, which is not counted.
    pub fn asking<T>(&self, ask: impl FnOnce() -> T) -> T {
        let begun = Instant::now();
        let answer = ask();
        if let Some(limit) = &self.0 {
            *limit.asking.lock().unwrap_or_else(PoisonError::into_inner) += begun.elapsed();
        }
        answer
    }

    /// Work that may be dropped at any moment; what is ready at once is taken at any time.
    pub async fn of<T>(&self, work: impl Future<Output = T>) -> Result<T, Late> {
        let last = self.clone().later(LAST);
        tokio::select! {
            biased;
            done = work => Ok(done),
            () = last.passed() => Err(Late),
        }
    }

    /// Comes back when the time is over; never without a limit.
    pub async fn passed(&self) {
        while let Some(left) = self.left() {
            // A person may be asked in the meantime.
            if left.is_zero() {
                return;
            }
            tokio::time::sleep(left).await;
        }
        std::future::pending::<()>().await;
    }

    /// Waits for a program that has nothing more to say; one that is late is killed.
    pub fn end(&self, child: &mut Child) -> io::Result<std::process::ExitStatus> {
        loop {
            if let Some(status) = child.try_wait()? {
                return Ok(status);
            }
            if self.is_over() {
                let _ = child.kill();
                let _ = child.wait();
                return Err(io::ErrorKind::TimedOut.into());
            }
            if self.0.is_none() {
                return child.wait();
            }
            std::thread::sleep(LOOK_EVERY);
        }
    }
}

/// The output of a program, which is read until the deadline: then it is an error of its own kind.
#[derive(Debug)]
pub struct Timed<R> {
    output: R,
    deadline: Deadline,
}

impl<R: Read + AsFd> Timed<R> {
    /// Reads this.
    pub fn new(output: R, deadline: Deadline) -> Self {
        Self { output, deadline }
    }
}

impl<R: Read + AsFd> Read for Timed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(left) = self.deadline.left() {
            let wait = Timespec::try_from(left).map_err(|_| io::ErrorKind::InvalidInput)?;
            let mut wanted = [PollFd::new(&self.output, PollFlags::IN)];
            match poll(&mut wanted, Some(&wait)) {
                Ok(0) => return Err(io::ErrorKind::TimedOut.into()),
                Ok(_) => break,
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        self.output.read(buffer)
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    fn soon() -> Deadline {
        Deadline::after(Duration::from_millis(50))
    }

    fn block_on<F: Future>(future: F) -> F::Output {
        let runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = { runtime }.enable_all().build().unwrap();
        runtime.block_on(future)
    }

    #[test]
    fn what_takes_too_long_is_dropped_and_what_is_ready_is_taken() {
        let deadline = soon();
        let late = block_on(deadline.of(std::future::pending::<()>()));
        assert_eq!(late, Err(Late));
        assert!(deadline.is_over());
        assert_eq!(block_on(deadline.of(async { 7 })), Ok(7));
        assert_eq!(Deadline::default().left(), None);
        assert_eq!(
            Deadline::after(Duration::from_mins(10)).words(),
            "the time limit of 10m"
        );
    }

    #[test]
    fn the_clock_stands_still_while_a_person_is_asked() {
        let deadline = soon();
        deadline.asking(|| std::thread::sleep(Duration::from_millis(80)));
        assert!(!deadline.is_over());
    }

    #[test]
    fn a_program_that_says_nothing_is_read_until_the_deadline_and_killed() {
        let deadline = soon();
        let mut child = Command::new("sleep")
            .arg("60")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = child.stdout.take().unwrap();
        let mut said = String::new();
        let read = Timed::new(output, deadline.clone()).read_to_string(&mut said);
        assert_eq!(read.unwrap_err().kind(), io::ErrorKind::TimedOut);
        let ended = deadline.end(&mut child);
        assert_eq!(ended.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }

    #[test]
    fn a_program_that_is_done_in_time_is_heard() {
        let deadline = Deadline::after(Duration::from_mins(1));
        let mut child = Command::new("echo")
            .arg("word")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = String::new();
        let output = child.stdout.take().unwrap();
        Timed::new(output, deadline.clone())
            .read_to_string(&mut said)
            .unwrap();
        assert_eq!(said, "word\n");
        assert!(deadline.end(&mut child).unwrap().success());
    }
}
