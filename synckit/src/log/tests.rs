//! Rules of admission, told with a shelf of blocks in memory that answers questions.

mod admission;
mod forks;
mod merging;
mod overlap;

use std::collections::BTreeSet;

use super::*;
use crate::block::tests::{Author, Written, seal, seal_in, space};
use crate::envelope::Envelope;

/// A store's log in memory.
#[derive(Clone, Debug)]
struct Shelf {
    blocks: Vec<LogBlock>,
    branches: Branches,
    own: ReplicaId,
    cap: Option<Cap>,
    space: SpaceId,
    /// The number of questions that the last batch asked, and of rounds.
    asked: (usize, usize),
}

impl Shelf {
    fn empty() -> Self {
        let own = Author::named("shelf").head.author;
        let (blocks, branches) = (Vec::new(), Branches::new());
        Self { blocks, branches, own, cap: None, space: space(), asked: (0, 0) }
    }

    /// A log that holds these commits, one block each.
    fn holding(commits: &[&Written]) -> Self {
        let mut shelf = Self::empty();
        for commit in commits {
            shelf.receive(&[seal(&[commit])]).unwrap();
        }
        shelf
    }

    /// Admits a batch from a peer and appends it, or changes nothing. Returns how many blocks it
    /// added.
    fn receive(&mut self, batch: &[Block]) -> Result<usize, Refusal> {
        self.admit(batch, Source::Peer).map(|admitted| admitted.blocks.len())
    }

    fn admit(&mut self, batch: &[Block], source: Source) -> Result<Admitted, Refusal> {
        let append: Vec<_> =
            batch.iter().map(|block| Append { block: block.clone(), source }).collect();
        let admission = Admission {
            space: &self.space,
            branches: &self.branches,
            end: self.end(),
            own: self.own,
            append: &append,
            cap: self.cap.as_ref(),
            hidden: None,
            awaits: None,
        };
        let (mut answers, mut asked) = (Answers::default(), BTreeSet::new());
        let mut rounds = 0;
        let admitted = loop {
            match admission.decide(&answers)? {
                Decision::Admit(admitted) => break admitted,
                Decision::Ask(questions) => {
                    rounds += 1;
                    assert!(!questions.is_empty(), "asks for nothing");
                    for question in questions {
                        assert!(asked.insert(question), "asks again");
                        self.answer(question, &mut answers);
                    }
                }
            }
        };
        self.asked = (asked.len(), rounds);
        for (no, branch) in &admitted.branches {
            self.branches.set(*no, branch.clone()).unwrap();
        }
        self.blocks.extend(admitted.blocks.iter().cloned());
        assert_eq!(admitted.end, self.end());
        Ok(admitted)
    }

    fn answer(&self, question: Question, answers: &mut Answers) {
        match question {
            Question::Holds(commit) => answers.holds(commit, self.branch_of(&commit)),
            Question::Names(..) => unreachable!("the store holds all of the space"),
            Question::Refuses(commit) => {
                let mut rulings = Rulings::new();
                self.blocks.iter().for_each(|log| drop(rulings.note(&log.block)));
                answers.refuses(commit, rulings.refuses(&commit));
            }
            Question::Next(no, seq) => {
                let on_branch = self.commits().into_iter().filter(|(_, on)| *on == no);
                let after = on_branch.map(|(id, _)| id).filter(|id| id.seq > seq);
                let next = after.min_by_key(|id| id.seq).expect("asked for what is held");
                answers.next(no, seq, next.chain);
            }
        }
    }

    fn end(&self) -> Cursor {
        self.blocks.last().map_or(Cursor::START, LogBlock::cursor)
    }

    /// The commits in log order, each with its branch.
    fn commits(&self) -> Vec<(CommitId, BranchNo)> {
        let of_block = |log: &LogBlock| {
            let branches: Vec<_> = log.runs.iter().map(|run| run.branch).collect();
            let name = move |commit: &crate::block::Commit| (commit.id, branches[commit.run]);
            log.block.commits().iter().map(name).collect::<Vec<_>>()
        };
        self.blocks.iter().flat_map(of_block).collect()
    }

    fn branch_of(&self, commit: &CommitId) -> Option<BranchNo> {
        self.commits().into_iter().find(|(id, _)| id == commit).map(|(_, no)| no)
    }

    fn ids(&self) -> Vec<CommitId> {
        self.commits().into_iter().map(|(id, _)| id).collect()
    }

    fn heads(&self) -> BTreeSet<CommitId> {
        self.branches.heads().collect()
    }

    fn events(&self) -> Vec<Envelope> {
        let entries = self.blocks.iter().flat_map(|log| log.block.entries());
        entries.map(|entry| entry.envelope()).collect()
    }

    /// The identity of a commit's events in merging.
    fn writer(&self, commit: &CommitId) -> ReplicaId {
        self.branches.writer(self.branch_of(commit).unwrap(), commit.seq)
    }
}

fn ids(commits: &[&Written]) -> Vec<CommitId> {
    commits.iter().map(|commit| commit.id).collect()
}
