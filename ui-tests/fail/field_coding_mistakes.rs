use synckit::SyncEvent;

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "paid")]
struct Paid {
    #[field(as = "json")]
    one: String,
    #[field(schema = "geojson@1")]
    two: String,
    #[field(as = "yaml", schema = "geojson@1")]
    three: String,
    #[field(as = "json", schema = "geojson")]
    four: String,
    #[field(as = "json", schema = "geo/json@1")]
    five: String,
    #[field(as = "json", schema = "geojson@0")]
    six: String,
    #[field(with = text, as = "json", schema = "geojson@1")]
    seven: String,
    #[field(with = "text")]
    eight: String,
}

fn main() {}
