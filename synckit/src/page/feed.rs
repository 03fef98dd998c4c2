//! The events of a log as they arrive, as server-sent events (the HTML standard, section 9.2).
//!
//! The browser says, when it connects again, which event it had last; it is given all that followed, or
//! told how many it is not given.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::access::{OpenSpace, Unanswered, Visitor};
use super::row::{EventPlace, row};
use crate::id::{Position, SpaceId};
use crate::log::LogBlock;
use crate::platform::{self, Stopwatch};
use crate::show::{EventTypes, ShownEvent, SpaceTypes};
use crate::store::EventStore;

/// Events that a feed begins with.
const FIRST_EVENTS: u64 = 200;
/// Events behind the log's end at which a feed goes on from nearer to it.
const BEHIND_EVENTS_MAX: u64 = 5_000;
/// Events of one part of a feed.
const PART_EVENTS_MAX: usize = 64;
/// Longest silence: then a comment tells that all is well.
const SILENCE_MAX: Duration = Duration::from_secs(10);
/// The authorizer is asked again after so long.
const RECHECK_EVERY: Duration = Duration::from_secs(60);
/// Longest time that a browser may leave a part unread.
const UNREAD_MAX: Duration = Duration::from_secs(60);
/// Time after which a browser connects again.
const RETRY_MILLIS: u64 = 1_000;

/// A feed of a space to a visitor.
pub(super) struct Feed {
    pub(super) visitor: Visitor,
    pub(super) types: Arc<SpaceTypes>,
    pub(super) open: OpenSpace,
    /// The event after which it begins.
    pub(super) after: Option<EventPlace>,
    pub(super) parts: mpsc::Sender<Bytes>,
}

/// The browser has left, or may not stay.
struct Over;

impl From<Unanswered> for Over {
    fn from(_: Unanswered) -> Self {
        Self
    }
}

impl Feed {
    /// Runs until the browser leaves, may not stay, or the store fails; then it may connect again.
    pub(super) async fn run(mut self) {
        let _ = self.follow().await;
    }

    async fn follow(&mut self) -> Result<(), Over> {
        let space = self.open.space.id.clone();
        let store = self.visitor.hub().store();
        self.send(format!("retry: {RETRY_MILLIS}\n\n")).await?;
        let mut through = self.begin(&store, &space).await?;
        let (mut recheck, mut asked) = (self.visitor.hub().rechecks(), Stopwatch::start());
        loop {
            let moved = tokio::select! {
                biased;
                _ = recheck.changed() => None,
                () = asked.reaches(Some(RECHECK_EVERY)) => None,
                moved = platform::within(SILENCE_MAX, store.moved(&space, through)) => Some(moved),
            };
            match moved {
                None => {
                    self.open = self.visitor.space(&space).await?;
                    asked = Stopwatch::start();
                    continue;
                }
                Some(None) => {
                    self.send(": still here\n\n".to_owned()).await?;
                    continue;
                }
                Some(Some(moved)) => drop(moved.map_err(Unanswered::from)?),
            }
            let page = store.read_after(&space, through).await.map_err(Unanswered::from)?;
            let behind = page.head.0.saturating_sub(through.0);
            if behind > BEHIND_EVENTS_MAX {
                let next = Position(page.head.0 - FIRST_EVENTS);
                let skipped = next.0 - through.0;
                self.send(named("skipped", &json!({ "events": skipped }))).await?;
                through = next;
                continue;
            }
            let types = self.types.of(&store, &space).await.map_err(Unanswered::from)?;
            self.tell((&space, &types), &page.blocks, through).await?;
            if page.through == through {
                // The store says that there is more and gives none.
                return Err(Over);
            }
            through = page.through;
        }
    }

    /// The position from which on events are told.
    async fn begin(&self, store: &EventStore, space: &SpaceId) -> Result<Position, Over> {
        let head = store.head(space).await.map_err(Unanswered::from)?;
        if let Some(after) = self.after.as_ref().filter(|after| after.position > Position::START) {
            let before = Position(after.position.0 - 1);
            let page = store.read_after(space, before).await.map_err(Unanswered::from)?;
            let found = page.blocks.first().and_then(|log| log.after(before).next());
            if found.is_some_and(|(position, entry)| after.is(position, &entry)) {
                return Ok(after.position);
            }
            // Another log stands there: what the browser shows is no part of it.
            self.send(named("replaced", &Value::Null)).await?;
        }
        let begin = head.0.saturating_sub(FIRST_EVENTS).max(self.open.space.begins.0);
        self.send(named("begin", &json!({ "after": begin }))).await?;
        Ok(Position(begin))
    }

    async fn tell(
        &self,
        (space, types): (&SpaceId, &EventTypes),
        blocks: &[LogBlock],
        after: Position,
    ) -> Result<(), Over> {
        let (mut part, mut count) = (String::new(), 0);
        for log in blocks {
            for (position, entry) in log.after(after.max(log.start)) {
                if self.open.only.as_ref().is_some_and(|only| !only.shows(&entry)) {
                    continue;
                }
                let event = ShownEvent { space, position, entry, types };
                let row = Value::Object(row(&event));
                let place = EventPlace::of(position, entry.dot());
                part += &format!("id: {place}\ndata: {row}\n\n");
                count += 1;
                if count % PART_EVENTS_MAX == 0 {
                    self.send(std::mem::take(&mut part)).await?;
                }
            }
        }
        if part.is_empty() { Ok(()) } else { self.send(part).await }
    }

    async fn send(&self, part: String) -> Result<(), Over> {
        let sending = self.parts.send(part.into());
        match platform::within(UNREAD_MAX, sending).await {
            Some(Ok(())) => Ok(()),
            _ => Err(Over),
        }
    }
}

/// A part that is not an event of the log. JSON stands on one line.
fn named(name: &str, value: &Value) -> String {
    format!("event: {name}\ndata: {value}\n\n")
}
