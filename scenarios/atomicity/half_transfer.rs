//! A transfer panics between its two halves.
//!
//! The amount is taken from one account, the customer is told, and the amount is added to the other. Telling panics. The
//! mutex is poisoned by that, so the next one who locks it learns that the books may be wrong, and can put them right. The
//! fixed form tells the customer first.
//!
//! Nothing is found here, rightly: the program that ignores a poisoned lock has to say so.
//!
//! origin: jwilm/racerd#9 (a poisoned mutex that every later caller trips over)

use gordian::Named;
use gordian::sync::{Arc, Mutex, PoisonError};
use gordian::thread;

struct Books {
    alice: i64,
    bob: i64,
}

fn books() -> Arc<Mutex<Books>> {
    Arc::new(Mutex::new(Books { alice: 100, bob: 0 }).named("books"))
}

fn tell_the_customer() {
    std::panic::resume_unwind(Box::new("the printer is on fire"));
}

pub fn buggy() {
    let books = books();
    let transfer = thread::spawn({
        let books = Arc::clone(&books);
        move || {
            let mut books = books.lock().unwrap();
            books.alice -= 10;
            tell_the_customer();
            books.bob += 10;
        }
    });
    assert!(transfer.join().is_err());
    assert!(books.is_poisoned());
    let mut books = books.lock().unwrap_or_else(PoisonError::into_inner);
    books.bob = 100 - books.alice;
}

pub fn fixed() {
    let books = books();
    let transfer = thread::spawn({
        let books = Arc::clone(&books);
        move || {
            tell_the_customer();
            let mut books = books.lock().unwrap();
            books.alice -= 10;
            books.bob += 10;
        }
    });
    assert!(transfer.join().is_err());
    let books = books.lock().unwrap();
    assert_eq!(books.alice + books.bob, 100);
}
