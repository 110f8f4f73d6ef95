//! Threads that serve a queue: pools, and what is none.

use gordian::finding::Kind;
use gordian::sync::mpsc::{channel, sync_channel};
use gordian::sync::{Arc, Mutex};
use gordian::thread;
use gordian::unobserved;

use super::findings::{hangs, meeting, silent};

/// A stage of a pipeline that is full on both sides has taken from the queue that is behind it, and is no pool for that.
#[test]
fn a_pipeline_that_is_fed_and_emptied_by_one_thread() {
    let run = |room| {
        move || {
            let (numbers, work) = sync_channel(room);
            let (result, results) = sync_channel(room);
            let stage = thread::spawn(move || work.iter().for_each(|number: u32| result.send(2 * number).unwrap()));
            (0..6).for_each(|number| numbers.send(number).unwrap());
            drop(numbers);
            assert_eq!(results.iter().sum::<u32>(), 30);
            stage.join().unwrap();
        }
    };
    hangs(Kind::WaitCycle, run(1));
    silent(run(6));
}

/// Each has served before, and has the other's question in its queue.
#[test]
fn actors_that_ask_each_other() {
    use gordian::sync::mpsc::{Receiver, Sender};

    struct Question(Sender<u32>);
    let run = |both: bool| {
        move || {
            let ((one, ones), (two, twos)) = (channel::<Question>(), channel::<Question>());
            let meet = both.then(meeting);
            let (first, second) = meet.unzip();
            let serve = |inbox: Receiver<Question>,
                         peer: Sender<Question>,
                         meet: Option<Arc<unobserved::Barrier>>,
                         asks: bool| {
                thread::spawn(move || {
                    for asked in 0..2 {
                        let Ok(Question(answer)) = inbox.recv() else { return };
                        if asks && asked == 0 {
                            if let Some(meet) = &meet {
                                meet.wait();
                            }
                            let (reply, replies) = channel();
                            peer.send(Question(reply)).unwrap();
                            replies.recv().unwrap();
                        }
                        let _ = answer.send(asked);
                    }
                })
            };
            let threads = [serve(ones, two.clone(), first, true), serve(twos, one.clone(), second, both)];
            let (answer, answers) = channel();
            [&one, &two].into_iter().for_each(|actor| actor.send(Question(answer.clone())).unwrap());
            drop((one, two, answer));
            assert_eq!(answers.iter().take(2).count(), 2);
            threads.into_iter().for_each(|thread| thread.join().unwrap());
        }
    };
    hangs(Kind::WaitCycle, run(true));
    silent(run(false));
}

/// Jobs that submit jobs and wait for them, when the submitter waits for room, too.
#[test]
fn a_full_pool_whose_jobs_wait_for_jobs() {
    type Job = Box<dyn FnOnce() + Send>;
    let run = |workers: usize| {
        move || {
            let (jobs, queue) = sync_channel::<Job>(2);
            let queue = Arc::new(Mutex::new(queue));
            let workers: Vec<_> = (0..workers)
                .map(|_| {
                    let queue = Arc::clone(&queue);
                    thread::spawn(move || {
                        loop {
                            let Ok(job) = queue.lock().unwrap().recv() else { return };
                            job();
                        }
                    })
                })
                .collect();
            let inner = jobs.clone();
            jobs.send(Box::new(move || {
                let (part, parts) = channel();
                inner.send(Box::new(move || part.send(1).unwrap())).unwrap();
                drop(inner);
                parts.recv().unwrap();
            }))
            .unwrap();
            (0..4).for_each(|_| jobs.send(Box::new(|| {})).unwrap());
            drop(jobs);
            workers.into_iter().for_each(|worker| worker.join().unwrap());
        }
    };
    hangs(Kind::PoolStarvation, run(1));
    silent(run(2));
}
