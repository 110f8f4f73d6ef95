//! A program that does not know that it is watched: the tests of this file run themselves again as such programs.
#![cfg(all(feature = "cli", unix))]

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use gordian::cli::cargo::gather::{Gathered, gather};
use gordian::finding::{Finding, Kind, Tier};
use gordian::report::stream::{DEADLOCK_EXIT, Ended};
use gordian::trace::TraceReader;

/// What the programs are told by.
const PROGRAM: &str = "GORDIAN_TEST_PROGRAM";

/// The programs: tests of their own, which do nothing as long as nobody has asked for them.
mod programs {
    use gordian::sync::mpsc::channel;
    use gordian::sync::{Arc, Condvar, Mutex, MutexGuard};
    use gordian::unobserved::Barrier;
    use gordian::{Shared, thread};

    fn wanted() -> bool {
        std::env::var_os(super::PROGRAM).is_some()
    }

    fn take(lock: &Mutex<()>) -> MutexGuard<'_, ()> {
        lock.lock().unwrap()
    }

    fn made() -> Arc<(Mutex<()>, Mutex<()>)> {
        Arc::new((Mutex::new(()), Mutex::new(())))
    }

    #[test]
    fn ab_ba() {
        if !wanted() {
            return;
        }
        #[allow(clippy::print_stdout, reason = "it is about what is printed")]
        {
            print!("a line that has no end");
        }
        let locks = made();
        let both = Arc::new(Barrier::new(2));
        let (other, meet) = (Arc::clone(&locks), Arc::clone(&both));
        let thread = thread::spawn(move || {
            let _second = take(&other.1);
            meet.wait();
            let _first = take(&other.0);
        });
        let _first = take(&locks.0);
        both.wait();
        let _second = take(&locks.1);
        thread.join().unwrap();
    }

    #[test]
    fn fine() {
        if wanted() {
            drop(take(&made().0));
        }
    }

    /// Asks for a trace itself, and ends without another word, as the fork of it does that has no thread to write one.
    #[test]
    fn records_itself() {
        if wanted() {
            let path = std::env::var_os("TRACE").unwrap();
            gordian::start(gordian::Config { record: Some(path.into()), ..Default::default() }).unwrap();
            drop((take(&made().0), take(&made().1)));
            // SAFETY: the child calls nothing but `exit`, whose handlers are what this is about.
            let child = unsafe { libc::fork() };
            if child == 0 {
                std::process::exit(0);
            }
            let mut status = -1;
            // SAFETY: `status` lives.
            assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
            assert_eq!(status, 0);
        }
    }

    /// A thread that the test leaves behind waits for work; so does nobody else.
    #[test]
    fn daemon() {
        if wanted() {
            let (sender, receiver) = channel::<()>();
            std::mem::forget(sender);
            thread::spawn(move || receiver.recv());
        }
    }

    #[test]
    fn lost_wakeup() {
        if wanted() {
            let pair = Arc::new((Mutex::new(false), Condvar::new()));
            let other = Arc::clone(&pair);
            let waiter = thread::spawn(move || drop(other.1.wait(other.0.lock().unwrap())));
            waiter.join().unwrap();
        }
    }

    fn race() {
        let cell = Arc::new(Shared::new(0));
        let other = Arc::clone(&cell);
        let thread = thread::spawn(move || other.set(1));
        cell.set(2);
        thread.join().unwrap();
    }

    #[test]
    fn race_here() {
        if wanted() {
            race();
        }
    }

    #[test]
    fn race_there() {
        if wanted() {
            race();
        }
    }

    /// Tests that wait for one another. Run in the order of their names, two at a time.
    mod together {
        use super::*;

        static GO: (Mutex<bool>, Condvar) = (Mutex::new(false), Condvar::new());

        #[test]
        fn a_waits() {
            if wanted() {
                drop(GO.1.wait_while(GO.0.lock().unwrap(), |go| !*go).unwrap());
            }
        }

        /// No hook sees this one.
        #[test]
        fn b_is_unseen() {
            std::hint::black_box(wanted());
        }

        #[test]
        fn b_takes_a_lock() {
            fine();
        }

        #[test]
        fn c_notifies() {
            if wanted() {
                *GO.0.lock().unwrap() = true;
                GO.1.notify_one();
            }
        }
    }

    /// No hook sees this one, which goes on until `lost_wakeup` beside it, with its two threads, sleeps.
    #[cfg(target_os = "linux")]
    #[test]
    fn unseen_beside() {
        if wanted() {
            let sleeping = || {
                let tasks = std::fs::read_dir("/proc/self/task").unwrap();
                let stats =
                    tasks.map(|task| std::fs::read_to_string(task.unwrap().path().join("stat")).unwrap_or_default());
                stats.filter(|stat| stat.contains(") S ")).count()
            };
            while sleeping() < 3 {
                std::thread::yield_now();
            }
        }
    }

    /// Orders of one test, one after the other: by chance, or because the one waits for the other.
    mod turns {
        use super::*;

        fn nested(first: &Mutex<()>, second: &Mutex<()>) {
            let _first = take(first);
            let _second = take(second);
        }

        /// What the thread did comes first; nothing that the detector sees says so.
        #[test]
        fn by_chance() {
            if wanted() {
                let locks = made();
                let (other, done) = (Arc::clone(&locks), Arc::new(Barrier::new(2)));
                let thread = thread::spawn({
                    let done = Arc::clone(&done);
                    move || {
                        nested(&other.0, &other.1);
                        done.wait();
                    }
                });
                done.wait();
                nested(&locks.1, &locks.0);
                thread.join().unwrap();
            }
        }

        fn by_message() {
            let locks = made();
            let (other, (done, is_done)) = (Arc::clone(&locks), channel());
            let thread = thread::spawn(move || {
                nested(&other.0, &other.1);
                done.send(()).unwrap();
            });
            is_done.recv().unwrap();
            nested(&locks.1, &locks.0);
            thread.join().unwrap();
        }

        #[test]
        fn by_message_here() {
            if wanted() {
                by_message();
            }
        }

        #[test]
        fn by_message_there() {
            if wanted() {
                by_message();
            }
        }

        /// More threads than are kept.
        #[test]
        fn in_a_crowd() {
            if wanted() {
                (0..300).for_each(|_| thread::spawn(|| drop(made())).join().unwrap());
                by_message();
            }
        }

        /// More events than are kept, of one thread and then of others.
        #[test]
        fn in_the_long_run() {
            if wanted() {
                let locks = made();
                (0..60_000).for_each(|_| drop(take(&locks.0)));
                by_message();
            }
        }
    }

    /// Orders for several processes: locks of the same two places.
    mod orders {
        use super::*;

        fn nested(first: &Mutex<()>, second: &Mutex<()>) {
            let _first = take(first);
            let _second = take(second);
        }

        #[test]
        fn forward() {
            if wanted() {
                let locks = made();
                nested(&locks.0, &locks.1);
                std::mem::forget(locks);
                // Neither exit handlers nor destructors.
                std::process::abort();
            }
        }

        #[test]
        fn backward() {
            if wanted() {
                let locks = made();
                nested(&locks.1, &locks.0);
                std::process::exit(0);
            }
        }

        /// Both orders, the second after the end of the first.
        fn phases() {
            let locks = made();
            for turned in [false, true] {
                let locks = Arc::clone(&locks);
                let order = move || match turned {
                    false => nested(&locks.0, &locks.1),
                    true => nested(&locks.1, &locks.0),
                };
                thread::spawn(order).join().unwrap();
            }
        }

        #[test]
        fn phases_here() {
            if wanted() {
                phases();
            }
        }

        #[test]
        fn phases_there() {
            if wanted() {
                phases();
            }
        }

        #[test]
        fn both() {
            if wanted() {
                let locks = made();
                nested(&locks.0, &locks.1);
                nested(&locks.1, &locks.0);
            }
        }
    }
}

/// A run of some of the programs.
struct Run {
    output: Output,
    left: Gathered,
}

impl Run {
    fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.output.stderr).into_owned()
    }

    fn stdout(&self) -> String {
        String::from_utf8_lossy(&self.output.stdout).into_owned()
    }

    /// The one finding.
    fn finding(&self) -> &Finding {
        let [found] = &self.left.findings[..] else { panic!("{:#?}\n{}", self.left, self.stderr()) };
        &found.finding
    }

    fn ended(&self) -> Option<&Ended> {
        self.left.processes[0].ended.as_ref()
    }

    /// It came to its end, and nothing was found.
    fn is_silent(&self) {
        assert!(self.output.status.success(), "{}\n{}", self.stdout(), self.stderr());
        assert!(self.left.findings.is_empty(), "{:#?}", self.left.findings);
        assert_eq!(self.ended(), Some(&Ended::Exited));
    }
}

fn command(programs: &[&str], directory: &Path, variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(programs.iter().map(|program| format!("programs::{program}"))).args(["--exact", "--test-threads=2"]);
    for name in ["REPORT", "ON_DEADLOCK", "HARNESS", "PREDICT", "RECORD"] {
        command.env_remove(format!("GORDIAN_{name}"));
    }
    command.env(PROGRAM, "1").env("GORDIAN_REPORT", directory).envs(variables.iter().copied());
    command
}

const LIBTEST: (&str, &str) = ("GORDIAN_HARNESS", "libtest");

/// Runs programs as a libtest binary that is watched.
fn run(programs: &[&str], variables: &[(&str, &str)]) -> Run {
    let directory = tempfile::tempdir().unwrap();
    let variables: Vec<_> = std::iter::once(LIBTEST).chain(variables.iter().copied()).collect();
    let output = command(programs, directory.path(), &variables).output().unwrap();
    Run { output, left: gather(directory.path()).unwrap() }
}

#[test]
fn a_deadlock_is_told_at_once_and_ends_the_process() {
    let run = run(&["ab_ba", "fine"], &[]);
    assert_eq!(run.output.status.code(), Some(DEADLOCK_EXIT), "{}", run.stderr());
    let finding = run.left.findings.iter().map(|found| &found.finding).find(|finding| finding.tier == Tier::Observed);
    let finding = finding.expect("the deadlock");
    assert_eq!((finding.kind, &finding.tests[..]), (Kind::LockOrderCycle, &["programs::ab_ba".to_owned()][..]));
    assert_eq!(run.ended(), Some(&Ended::Deadlock(finding.fingerprint.clone())));
    assert!(run.stderr().contains("wait for one another"), "{}", run.stderr());
    assert!(run.stderr().contains("shown by test programs::ab_ba"), "{}", run.stderr());
    let process = run.left.processes[0].process.as_ref().unwrap();
    assert!(process.program.contains("process") && process.arguments.contains(&"--exact".to_owned()), "{process:?}");
    assert_eq!(run.left.troubles, [""; 0]);
}

/// What came by chance, for all that is known, is not proved: the program's barrier here is one that no hook sees.
#[test]
fn what_no_event_keeps_apart_is_possible() {
    let run = run(&["turns::by_chance", "fine"], &[]);
    let finding = run.finding();
    assert_eq!((finding.kind, finding.tier), (Kind::LockOrderCycle, Tier::Possible), "{finding:#?}");
    assert_eq!(finding.tests, ["programs::turns::by_chance"]);
    assert!(finding.sites.iter().all(|site| !site.stack.is_empty()), "{finding:#?}");
    assert_eq!(run.ended(), Some(&Ended::Exited));
    // In a program that is no harness it is judged at its exit.
    let alone = |program| {
        let directory = tempfile::tempdir().unwrap();
        let output = command(&[program], directory.path(), &[]).output().unwrap();
        Run { output, left: gather(directory.path()).unwrap() }
    };
    assert_eq!(alone("turns::by_chance").finding().tier, Tier::Possible);
    alone("turns::by_message_here").is_silent();
}

#[test]
fn what_waits_its_turn_is_withdrawn() {
    run(&["turns::by_message_here"], &[]).is_silent();
    run(&["turns::by_message_here", "turns::by_message_there", "fine"], &[]).is_silent();
    // What another test shows by the same locks' places stays.
    let run = run(&["turns::by_message_here", "turns::by_chance"], &[]);
    assert!(
        run.left.findings.iter().all(|found| found.finding.tests == ["programs::turns::by_chance"]),
        "{:#?}",
        run.left
    );
}

#[test]
fn what_is_not_whole_is_not_withdrawn() {
    for (program, variables) in [
        ("turns::in_a_crowd", &[][..]),
        ("turns::in_the_long_run", &[]),
        ("turns::by_message_here", &[("GORDIAN_PREDICT", "no")]),
    ] {
        let run = run(&[program], variables);
        assert_eq!(run.finding().tier, Tier::Possible, "{program}");
        assert_eq!(run.ended(), Some(&Ended::Exited));
    }
}

#[test]
fn what_was_printed_before_the_end_is_there() {
    let directory = tempfile::tempdir().unwrap();
    let output = command(&["ab_ba"], directory.path(), &[LIBTEST]).arg("--nocapture").output().unwrap();
    assert!(String::from_utf8_lossy(&output.stdout).ends_with("a line that has no end"), "{output:?}");
}

#[test]
fn a_deadlock_can_be_a_panic() {
    let run = run(&["ab_ba", "fine"], &[("GORDIAN_ON_DEADLOCK", "panic")]);
    assert_eq!(run.output.status.code(), Some(101));
    assert!(run.stdout().contains("1 passed; 1 failed"), "{}", run.stdout());
    assert!(run.stdout().contains("deadlock: "), "{}", run.stdout());
    assert_eq!((run.finding().tier, run.ended()), (Tier::Observed, Some(&Ended::Exited)));
}

#[test]
fn a_process_that_hangs_and_is_killed_has_told_everything() {
    let directory = tempfile::tempdir().unwrap();
    let mut command = command(&["ab_ba"], directory.path(), &[("GORDIAN_ON_DEADLOCK", "continue")]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    // The report comes at once, and then nothing.
    let lines = BufReader::new(child.stderr.take().unwrap()).lines();
    assert!(lines.map_while(Result::ok).any(|line| line.contains("fingerprint")));
    child.kill().unwrap();
    child.wait().unwrap();
    let left = gather(directory.path()).unwrap();
    assert!(left.findings.iter().any(|found| found.finding.tier == Tier::Observed), "{left:#?}");
    assert_eq!(left.findings[0].finding.tests, [""; 0], "nobody said that these are tests");
    assert_eq!(left.processes[0].ended, None);
}

#[cfg(target_os = "linux")]
#[test]
fn a_test_that_waits_for_ever_is_found() {
    let alone = run(&["lost_wakeup"], &[]);
    let finding = alone.finding();
    assert_eq!((finding.kind, finding.tier), (Kind::LostWakeup, Tier::Observed));
    assert_eq!(finding.tests, ["programs::lost_wakeup"]);
    assert_eq!(alone.output.status.code(), Some(DEADLOCK_EXIT));
    // The same bug, whoever else is or was there.
    for others in [&["fine"][..], &["unseen_beside"], &["daemon"], &["daemon", "fine", "race_here"]] {
        let run = run(&[&["lost_wakeup"], others].concat(), &[("GORDIAN_ON_DEADLOCK", "abort")]);
        let all = run.left.findings.iter().map(|found| (&found.finding.fingerprint, &found.finding.tests));
        assert!(all.clone().any(|found| found == (&finding.fingerprint, &finding.tests)), "{others:?}: {:?}", run.left);
        assert_eq!(run.output.status.code(), Some(DEADLOCK_EXIT));
    }
}

#[test]
fn tests_may_wait_for_one_another() {
    for _ in 0..5 {
        run(&["together::a_waits", "together::b_is_unseen", "together::c_notifies"], &[]).is_silent();
        run(&["together::a_waits", "together::b_takes_a_lock", "together::c_notifies"], &[]).is_silent();
    }
}

#[test]
fn a_thread_that_is_left_behind_is_no_deadlock() {
    run(&["daemon", "fine"], &[]).is_silent();
    run(&["daemon"], &[]).is_silent();
}

#[test]
fn all_tests_that_show_a_finding_are_named() {
    let run = run(&["race_here", "race_there"], &[]);
    assert!(run.output.status.success());
    assert_eq!(run.finding().kind, Kind::DataRace);
    let mut tests = run.finding().tests.clone();
    tests.sort();
    assert_eq!(tests, ["programs::race_here", "programs::race_there"]);
}

#[test]
fn orders_of_different_processes_meet() {
    let both = |programs: &[&[&str]]| {
        let directory = tempfile::tempdir().unwrap();
        for programs in programs {
            command(programs, directory.path(), &[LIBTEST]).output().unwrap();
        }
        gather(directory.path()).unwrap()
    };
    let left = both(&[&["orders::forward"], &["orders::backward"]]);
    let [found] = &left.findings[..] else { panic!("{left:#?}") };
    assert_eq!((found.finding.kind, found.finding.tier), (Kind::LockOrderCycle, Tier::Possible));
    assert_eq!(found.finding.tests, ["programs::orders::backward", "programs::orders::forward"]);
    assert_eq!(found.processes, 2);
    assert_eq!([&left.processes[0].ended, &left.processes[1].ended], [&None, &Some(Ended::Exited)]);
    // One thread that does both is in order, however often.
    assert_eq!(both(&[&["orders::both"], &["orders::both"]]).findings.len(), 0);
    assert_eq!(both(&[&["orders::backward"], &["orders::backward"]]).findings.len(), 0);
    // Told by one process, as a finding of its own.
    let explained = both(&[&["orders::both"], &["orders::forward"], &["orders::backward"]]);
    assert_eq!(explained.findings.len(), 0, "{explained:#?}");
}

#[test]
fn what_a_test_does_in_order_is_in_order_beside_itself() {
    run(&["orders::phases_here", "orders::phases_there"], &[]).is_silent();
}

#[test]
fn what_the_environment_says_wrong_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let missing = directory.path().join("missing");
    let variables = [LIBTEST, ("GORDIAN_ON_DEADLOCK", "explode"), ("GORDIAN_RECORD", "/dev/null/x")];
    let output = command(&["race_here"], &missing, &variables).arg("--nocapture").output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    let told: Vec<&str> = stderr.lines().filter(|line| line.starts_with("gordian: ")).collect();
    assert!(
        told[0].starts_with("gordian: GORDIAN_ON_DEADLOCK=explode is not understood: expected continue"),
        "{told:?}"
    );
    assert!(told[1].contains("findings are printed instead"), "{told:?}");
    assert!(told[2].starts_with("gordian: GORDIAN_RECORD: cannot write /dev/null/x/"), "{told:?}");
    assert!(stderr.contains("error[data-race]"), "{stderr}");
}

#[test]
fn a_recorded_process_leaves_a_whole_trace() {
    let (directory, traces) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let record = ("GORDIAN_RECORD", traces.path().to_str().unwrap());
    for program in ["orders::backward", "ab_ba"] {
        command(&[program], directory.path(), &[LIBTEST, record]).output().unwrap();
        let trace = std::fs::read_dir(traces.path()).unwrap().next().expect("a trace").unwrap().path();
        assert!(whole(&trace) > 3, "{program}");
        std::fs::remove_file(trace).unwrap();
    }
}

/// How many events are in a trace that has its end.
fn whole(trace: &Path) -> usize {
    let mut reader = TraceReader::open(std::fs::File::open(trace).unwrap()).unwrap();
    let events = reader.read_to_end().unwrap().len();
    assert!(reader.truncated().is_none(), "{}", trace.display());
    events
}

#[test]
fn a_program_that_never_says_finish_leaves_a_whole_trace() {
    let directory = tempfile::tempdir().unwrap();
    let trace = directory.path().join("own.gordian");
    let mut command = command(&["records_itself"], directory.path(), &[("TRACE", trace.to_str().unwrap())]);
    let output = command.env_remove("GORDIAN_REPORT").output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(whole(&trace) > 3);
}
