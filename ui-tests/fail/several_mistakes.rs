use synckit::{SyncEvent, SyncValue, sync_aggregate};

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "Note", version = 0)]
enum NoteEvent {
    #[event(nmae = "x")]
    Created,
    Moved {
        #[field(0)]
        from: String,
        #[field(2)]
        to: String,
        #[field(2)]
        via: String,
    },
}

#[derive(SyncValue, Clone, Debug, PartialEq)]
struct Point<T> {
    #[field(19000)]
    x: T,
    #[field(rename = "ordinate")]
    y: T,
}

#[sync_aggregate(nmae = "inspection", version = "2")]
#[derive(Clone, Debug)]
struct Inspection {
    title: String,
    #[merge(conuter)]
    visits: i64,
    #[merge(lists)]
    remarks: Vec<String>,
}

fn main() {}
