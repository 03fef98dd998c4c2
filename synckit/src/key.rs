//! The key pair that makes a replica who it is.
//!
//! The secret half is made with the store, kept in it, and never sent. This module signs and
//! verifies; it draws no randomness: the seed is an argument.

use std::fmt;

use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};

use crate::id::ReplicaId;

/// The secret half of a [`ReplicaId`] (Ed25519, RFC 8032). `Debug` shows only the public half.
#[derive(Clone)]
pub struct ReplicaKey(SigningKey);

impl ReplicaKey {
    /// Length of the seed in bytes.
    pub const SEED_LEN: usize = 32;

    /// The key that belongs to a seed of 32 random bytes.
    pub fn from_seed(seed: &[u8; Self::SEED_LEN]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// The seed, to be stored beside the log and nowhere else.
    pub fn seed(&self) -> [u8; Self::SEED_LEN] {
        self.0.to_bytes()
    }

    /// The public half.
    pub fn id(&self) -> ReplicaId {
        ReplicaId::from_bytes(self.0.verifying_key().to_bytes())
    }

    /// Signs a message. The same key and message give the same 64 bytes.
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        #[cfg(test)]
        if let Some(signature) = known::sign(&self.id(), message) {
            return signature;
        }
        self.0.sign(message).to_bytes()
    }
}

impl fmt::Debug for ReplicaKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ReplicaKey({:?})", self.id())
    }
}

/// True if `signature` over `message` was made with the secret half of `signer` (strict
/// verification).
pub fn verify(signer: &ReplicaId, message: &[u8], signature: &[u8]) -> bool {
    #[cfg(test)]
    if known::holds(signer, message, signature) {
        return true;
    }
    let (Ok(key), Ok(signature)) =
        (VerifyingKey::from_bytes(signer.as_bytes()), Signature::from_slice(signature))
    else {
        return false;
    };
    key.verify_strict(message, &signature).is_ok()
}

/// Ideal signatures, for the simulation: random bytes that hold for what was signed with them, and for
/// nothing else. Computing real ones would be most of its work. What a thread did not sign itself is
/// verified as always.
#[cfg(test)]
pub(crate) mod known {
    use std::cell::RefCell;
    use std::collections::BTreeSet;

    use crate::id::ReplicaId;

    thread_local! {
        static KNOWN: RefCell<Option<IdealKeys>> = const { RefCell::new(None) };
    }

    #[derive(Default)]
    struct IdealKeys {
        made: BTreeSet<[u8; 32]>,
        believes_all: bool,
    }

    /// From here on this thread's signatures are ideal; or, by mistake, all signatures are believed.
    pub(crate) fn begin(believes_all: bool) {
        KNOWN.set(Some(IdealKeys { believes_all, ..IdealKeys::default() }));
    }

    pub(super) fn sign(signer: &ReplicaId, message: &[u8]) -> Option<[u8; 64]> {
        KNOWN.with_borrow_mut(|known| {
            let known = known.as_mut()?;
            let mut signature = [0xff; 64];
            signature[..32].copy_from_slice(&digest(signer, message, &[]));
            known.made.insert(digest(signer, message, &signature));
            Some(signature)
        })
    }

    pub(super) fn holds(signer: &ReplicaId, message: &[u8], signature: &[u8]) -> bool {
        KNOWN.with_borrow(|known| {
            let known = known.as_ref();
            known.is_some_and(|known| {
                known.believes_all || known.made.contains(&digest(signer, message, signature))
            })
        })
    }

    fn digest(signer: &ReplicaId, message: &[u8], signature: &[u8]) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new();
        hasher.update(signer.as_bytes()).update(&[u8::from(signature.is_empty())]);
        *hasher.update(message).update(signature).finalize().as_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_holds_for_its_message_and_signer_only() {
        let (ann, bob) = (ReplicaKey::from_seed(&[1; 32]), ReplicaKey::from_seed(&[2; 32]));
        let signature = ann.sign(b"hello");
        assert!(verify(&ann.id(), b"hello", &signature));
        assert!(!verify(&ann.id(), b"hullo", &signature));
        assert!(!verify(&bob.id(), b"hello", &signature));
        assert!(!verify(&ann.id(), b"hello", &signature[1..]));
    }

    #[test]
    fn debug_output_holds_no_secret() {
        let key = ReplicaKey::from_seed(&[7; 32]);
        assert!(!format!("{key:?}").contains("0707"));
    }
}
