//! A cycle in words.

use crate::event::{Names, Object};
use crate::finding::{Finding, Held, Involved, Kind, SiteReport, Tier};

use super::{Act, Cycle, Passage, Step};

impl Act {
    fn object(self) -> Option<Object> {
        match self {
            Self::Reads(object) | Self::Writes(object) => Some(object),
            Self::Takes(lock, _) | Self::Releases(lock, _) => Some(Object::Lock(lock)),
            Self::Enters | Self::Leaves | Self::Starts(_) | Self::Joins(_) => None,
        }
    }

    fn words(self, names: &dyn Names) -> String {
        match self {
            Self::Enters => "enters its region".to_owned(),
            Self::Leaves => "leaves its region".to_owned(),
            Self::Reads(object) => format!("reads {}", names.label(object)),
            Self::Writes(object) => format!("writes {}", names.label(object)),
            Self::Takes(lock, _) => format!("takes {}", names.label(Object::Lock(lock))),
            Self::Releases(lock, _) => format!("releases {}", names.label(Object::Lock(lock))),
            Self::Starts(thread) => format!("starts {}", names.owner_label(thread)),
            Self::Joins(thread) => format!("joins {}", names.owner_label(thread)),
        }
    }
}

impl Cycle {
    /// The operations in the order of the cycle, the one that closed it first.
    fn steps(&self) -> Vec<Step> {
        let mut steps = vec![self.closing()];
        for step in self.edges.iter().flat_map(|edge| [edge.from, edge.to]) {
            if !steps.contains(&step) {
                steps.push(step);
            }
        }
        steps
    }

    /// The regions that the cycle passes through against the order of time: none of them can be blamed alone.
    fn entangled(&self) -> Vec<(Passage, Step)> {
        let pairs = self.edges.iter().zip(self.edges.iter().skip(1));
        pairs
            .filter(|(one, next)| next.from.ordinal < one.to.ordinal)
            .filter_map(|(one, _)| Some((one.to.region?, one.to)))
            .collect()
    }

    /// The finding.
    #[must_use]
    pub fn finding(&self, names: &dyn Names) -> Finding {
        let closing = self.closing();
        let site = |step: &Step| {
            let words = step.act.words(names);
            SiteReport {
                role: match step.region {
                    Some(region) => format!("{words}, in the region at {}", names.site(region.site)),
                    None => words,
                },
                site: names.site(step.site),
                owner: names.owner_name(step.thread),
                held: step.held.iter().map(|held| Held::new(names, held.lock, held.mode, held.site)).collect(),
                event: Some(step.ordinal).filter(|&ordinal| ordinal > 0),
                stack: Vec::new(),
            }
        };
        let steps = self.steps();
        let mut objects: Vec<Object> = Vec::new();
        for object in steps.iter().filter_map(|step| step.act.object()) {
            if !objects.contains(&object) {
                objects.push(object);
            }
        }
        let objects = objects.into_iter().map(|object| Involved::new(names, object)).collect();
        let whose = |region: Option<Passage>, step: Step| {
            let place = region.map_or_else(|| names.site(step.site), |region| names.site(region.site));
            format!("the region of {} at {place}", names.owner_label(step.thread))
        };
        let itself = whose(closing.region, closing);
        let message = match self.entangled().first() {
            None => {
                let other = self.edges[0].to;
                let who = names.owner_label(other.thread);
                format!("{itself} is not atomic: {who} {} in between", other.act.words(names))
            }
            Some(&(region, step)) => {
                format!(
                    "{itself} and {} overlap: no order, one after the other, explains the run",
                    whose(Some(region), step)
                )
            }
        };
        Finding::new(Kind::AtomicityViolation, Tier::Observed, message, steps.iter().map(site).collect(), objects)
            .with_help("hold one lock over the whole region, or make the region smaller")
    }
}
