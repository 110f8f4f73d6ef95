//! [`futures::channel`], watched.

use std::path::Path;

use ::gordian::runtime::Place;

pub mod mpsc;
pub mod oneshot;

/// The place of a wait that was made at `made` and is polled at `place`: most often that is in a combinator of a package,
/// which is no line of the user's. (Those of a program's own are relative to its workspace.)
fn here(place: Place, made: Place) -> Place {
    let in_package = Path::new(place.file()).is_absolute() || place.file().starts_with(OWN);
    if in_package { made } else { place }
}

/// The sources of these wrappers, in their own workspace.
const OWN: &str = "src/futures/channel";
