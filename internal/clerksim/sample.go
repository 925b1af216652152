package clerksim

import "slices"

// Sample returns a fixed message of the type, in the plain shape and ready to be signed; false if the type is not in the catalogue. It is
// the first of its type in the history of a small world, and the same on every call, its ID too: to send one twice as two messages,
// change the ID.
func Sample(typ string) (Message, bool) {
	if !slices.Contains(SampleTypes(), typ) {
		return Message{}, false
	}
	w := NewWorld(Config{Seed: 1, Users: 24, Organizations: 6, Changes: 3000, TwinRate: -1, TieRate: -1, OddRate: -1})
	for m, ok := w.Next(); ok; m, ok = w.Next() {
		if m.Type == typ {
			return m, true
		}
	}
	return Message{}, false
}
