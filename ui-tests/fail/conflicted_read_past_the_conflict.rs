use synckit::merge::Conflicted;

fn length(title: &Conflicted<String>) -> usize {
    title.len()
}

fn main() {
    length(&Conflicted::default());
}
