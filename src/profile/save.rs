//! What a checkpoint saves of identifiers.

use super::identifier_state::IdentifierState;
use super::identifiers::Identifiers;
use crate::flow::KeyedState;
use crate::identity::Sighted;
use crate::state::saved::SavedEntries;

/// Saves what is kept of identifiers.
pub fn save(state: &KeyedState<Identifiers>, entries: &mut SavedEntries<'_, '_>) {
    for (hash, identifier) in state.keys() {
        let IdentifierState { text, kind, sighted, belongs: _, sums, led, aggregate_states } =
            identifier;
        // As `SavedIdentifier`, without a copy.
        entries.put(&(hash, kind, text, sighted, sums, led, aggregate_states));
    }
    let nothing = IdentifierState::default();
    for (hash, first_seen) in state.logic.remembered.iter() {
        let sighted = Sighted { rows: 0, first_seen: *first_seen };
        let IdentifierState { text, kind, sums, led, aggregate_states, .. } = &nothing;
        entries.put(&(hash, kind, text, &sighted, sums, led, aggregate_states));
    }
}
