//! The paths of the page, and the headers of its answers.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use serde_json::{Value, json};

use super::access::{OpenSpace, Unanswered, Visitor};
use super::concurrent::ConcurrentEdits;
use super::feed::Feed;
use super::row::EventPlace;
use super::{PAGE_PATH, status, timeline};
use crate::hub::Hub;
use crate::id::SpaceId;
use crate::platform::{self, Stopwatch};
use crate::show::SpaceTypes;
use crate::transport::PeerInfo;
use crate::transport::http::{
    HttpRequest, HttpResponse, HttpService, Method, StatusCode, header, stream, whole,
};

const HTML: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");
const JSON: &str = "application/json";

/// Most spaces whose concurrent edits are remembered.
const WATCHED_SPACES_MAX: usize = 16;

/// The headers of every answer: nothing is loaded from elsewhere, nobody may frame the page, and no text
/// out of events is taken for a script.
const HEADERS: [(header::HeaderName, &str); 6] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
         require-trusted-types-for 'script'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CACHE_CONTROL, "no-store"),
    (header::HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// The page's content.
pub(super) struct Site {
    hub: Hub,
    types: Arc<SpaceTypes>,
    begun: Stopwatch,
    concurrent: Mutex<BTreeMap<SpaceId, ConcurrentEdits>>,
}

/// The parameters of a request.
struct Query(BTreeMap<String, String>);

#[async_trait]
impl HttpService for Site {
    async fn answer(&self, request: &HttpRequest, peer: PeerInfo) -> HttpResponse {
        let answered = self.try_answer(request, peer).await;
        let mut response = answered.unwrap_or_else(|refused| {
            let text = format!("{}\n", json!({ "error": refused.to_string() }));
            let mut response = with_type(JSON, text);
            *response.status_mut() = refused.status();
            if matches!(refused, Unanswered::Unauthenticated) {
                let dialog = "Basic realm=\"synckit hub\", charset=\"UTF-8\"";
                let dialog = header::HeaderValue::from_static(dialog);
                response.headers_mut().insert(header::WWW_AUTHENTICATE, dialog);
            }
            response
        });
        for (name, value) in HEADERS {
            response.headers_mut().insert(name, header::HeaderValue::from_static(value));
        }
        response
    }
}

impl Site {
    pub(super) fn new(hub: Hub, types: SpaceTypes) -> Self {
        let (types, concurrent) = (Arc::new(types), Mutex::default());
        Self { hub, types, begun: Stopwatch::start(), concurrent }
    }

    async fn try_answer(
        &self,
        request: &HttpRequest,
        peer: PeerInfo,
    ) -> Result<HttpResponse, Unanswered> {
        if ![Method::GET, Method::HEAD].contains(request.method()) {
            let mut response = with_type("text/plain", "this page is only read\n");
            *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
            return Ok(response);
        }
        let visitor = Visitor::of(&self.hub, request, peer)?;
        visitor.is_known().await?;
        let path = request.uri().path();
        let Some(path) = path.strip_prefix(PAGE_PATH) else {
            return Ok(if ["/", "/ui"].contains(&path) { moved() } else { not_found() });
        };
        let query = Query::of(request);
        Ok(match path {
            "" => with_type("text/html; charset=utf-8", HTML),
            "page.css" => with_type("text/css; charset=utf-8", STYLE),
            "page.js" => with_type("text/javascript; charset=utf-8", SCRIPT),
            "status" => with_type(JSON, self.status(&visitor, &query).await?.to_string()),
            "aggregate" => with_type(JSON, self.aggregate(&visitor, &query).await?.to_string()),
            "events" => self.events(request, visitor, &query).await?,
            _ => not_found(),
        })
    }

    async fn status(&self, visitor: &Visitor, query: &Query) -> Result<Value, Unanswered> {
        let (spaces, has_more) = visitor.spaces().await?;
        let lines: Value = spaces.iter().map(status::space_line).collect();
        let chosen = match query.0.get("space") {
            Some(_) => Some(query.space(visitor).await?),
            None => None,
        };
        let space = match &chosen {
            Some(open) => {
                let mut space = status::peers(visitor, open).await?;
                let (edits, since) = self.concurrent(open).await?;
                space["name"] = open.space.id.as_str().into();
                space["concurrent"] = edits;
                space["concurrent_after"] = since.into();
                space
            }
            None => Value::Null,
        };
        let hub = status::hub(visitor, self.begun.elapsed());
        Ok(json!({ "hub": hub, "spaces": lines, "has_more_spaces": has_more, "space": space }))
    }

    /// The concurrent edits in the last part of a space's log, and the position where that begins.
    async fn concurrent(&self, open: &OpenSpace) -> Result<(Value, u64), Unanswered> {
        let (store, space) = (self.hub.store(), &open.space.id);
        let known = self.watched().remove(space);
        let mut edits = match known {
            Some(known) if known.is_of(&store, &open.space).await? => known,
            _ => ConcurrentEdits::until(open.space.end.position),
        };
        let types = self.types.of(&store, space).await?;
        edits.advance(&store, space, &types).await?;
        let shown = (edits.list(open.only.as_ref()), edits.begun.0);
        let mut watched = self.watched();
        if watched.len() >= WATCHED_SPACES_MAX {
            watched.clear();
        }
        watched.insert(space.clone(), edits);
        Ok(shown)
    }

    fn watched(&self) -> std::sync::MutexGuard<'_, BTreeMap<SpaceId, ConcurrentEdits>> {
        // Nothing panics while it is locked.
        self.concurrent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn aggregate(&self, visitor: &Visitor, query: &Query) -> Result<Value, Unanswered> {
        let open = query.space(visitor).await?;
        let id = query.0.get("id").and_then(|id| id.parse().ok());
        let id = id.ok_or(Unanswered::Malformed("`id` names an aggregate: TYPE/KEY"))?;
        let store = self.hub.store();
        let types = self.types.of(&store, &open.space.id).await?;
        timeline::timeline(&store, &open, &types, &id).await
    }

    async fn events(
        &self,
        request: &HttpRequest,
        visitor: Visitor,
        query: &Query,
    ) -> Result<HttpResponse, Unanswered> {
        let open = query.space(&visitor).await?;
        let last = request.headers().get("last-event-id").and_then(|last| last.to_str().ok());
        let last = last.or(query.0.get("after").map(String::as_str));
        let (parts, body) = stream();
        let (types, after) = (Arc::clone(&self.types), last.and_then(EventPlace::read));
        platform::spawn(Feed { visitor, types, open, after, parts }.run());
        let mut response = HttpResponse::new(body);
        let kind = header::HeaderValue::from_static("text/event-stream");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        Ok(response)
    }
}

impl Query {
    fn of(request: &HttpRequest) -> Self {
        let text = request.uri().query().unwrap_or_default();
        Self(form_urlencoded::parse(text.as_bytes()).into_owned().collect())
    }

    async fn space(&self, visitor: &Visitor) -> Result<OpenSpace, Unanswered> {
        let space = self.0.get("space").and_then(|space| SpaceId::new(space).ok());
        visitor.space(&space.ok_or(Unanswered::Malformed("`space` names a space"))?).await
    }
}

fn with_type(kind: &'static str, body: impl Into<Bytes>) -> HttpResponse {
    let mut response = HttpResponse::new(whole(body));
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static(kind));
    response
}

fn moved() -> HttpResponse {
    let mut response = with_type("text/plain", "");
    *response.status_mut() = StatusCode::PERMANENT_REDIRECT;
    let place = header::HeaderValue::from_static(PAGE_PATH);
    response.headers_mut().insert(header::LOCATION, place);
    response
}

fn not_found() -> HttpResponse {
    let mut response = with_type("text/plain", "there is no such page\n");
    *response.status_mut() = StatusCode::NOT_FOUND;
    response
}
