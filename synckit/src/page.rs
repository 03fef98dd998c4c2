//! A page about a hub, for browsers: its events as they arrive, the story of one aggregate, concurrent
//! edits, replicas, sessions, refusals, spaces and throughput.
//!
//! [`HubPage`] serves it on a port of its own, beside the hub's. It shows and changes nothing. Whoever
//! looks is asked for a token by the hub's [authorizer](crate::hub::Authorizer), as the password of a
//! browser's dialog, and sees the spaces that the token may read, their sessions, and totals of the hub
//! that name nobody. [The page about it](crate::docs::page) says what it shows, and its limits.
//!
//! Payloads are shown with the names of their fields, as the replicas tell them that the hub serves. Text out of events is never taken for a part of the page, and the page loads
//! nothing from anywhere else.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::sync::watch;

use crate::error::Error;
use crate::hub::Hub;
use crate::platform::{self, Task};
use crate::show::{EventTypes, SpaceTypes};
use crate::transport::http;

mod access;
mod concurrent;
mod feed;
mod row;
mod site;
mod status;
mod timeline;

/// The path of the page.
pub const PAGE_PATH: &str = "/ui/";

/// A page about a hub.
///
/// ```no_run
/// use synckit::Hub;
/// use synckit::page::HubPage;
///
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let hub = Hub::builder().open("hub.redb").await?;
/// let page = HubPage::of(&hub).serve("127.0.0.1:7701").await?;
/// println!("look at {}", page.url());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct HubPage {
    hub: Hub,
    types: EventTypes,
}

impl HubPage {
    /// A page about a hub, which goes on without it.
    pub fn of(hub: &Hub) -> Self {
        Self { hub: hub.clone(), types: EventTypes::default() }
    }

    /// Shows payloads by these types, of which no replica need tell; they count before those that are told.
    #[must_use]
    pub fn types(mut self, types: EventTypes) -> Self {
        self.types = self.types.join(types);
        self
    }

    /// Serves it on an address such as `127.0.0.1:7701`, with the hub's certificate if it has one; port 0
    /// takes a free one. It ends when what this returns is dropped.
    ///
    /// # Errors
    /// As [`Hub::serve`]: on addresses that other machines reach it needs an authorizer and a
    /// certificate, as the hub does.
    pub async fn serve(self, address: &str) -> Result<RunningPage, Error> {
        let (listener, address) = self.hub.listen(address).await?;
        let (stop, stopped) = watch::channel(false);
        let tls = self.hub.tls().cloned();
        let scheme = if tls.is_some() { "https" } else { "http" };
        let site = Arc::new(site::Site::new(self.hub, SpaceTypes::new(self.types)));
        let server = platform::spawn(http::serve(listener, tls, site, stopped));
        Ok(RunningPage { address, scheme, stop, server })
    }
}

/// A page that is served, until it is dropped.
pub struct RunningPage {
    address: SocketAddr,
    scheme: &'static str,
    stop: watch::Sender<bool>,
    server: Task<()>,
}

impl RunningPage {
    /// The address that it listens on.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address for a browser. With TLS the hub's certificate has to be for the number in it; write its
    /// name otherwise.
    pub fn url(&self) -> String {
        format!("{}://{}{PAGE_PATH}", self.scheme, self.address)
    }

    /// Stops serving, and returns when the port is free.
    pub async fn shut_down(self) {
        self.stop.send_replace(true);
        // An error means that it panicked: the port is free all the same.
        let _ = self.server.await;
    }
}

impl fmt::Debug for RunningPage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunningPage").field("address", &self.address).finish_non_exhaustive()
    }
}
