package clerksim

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// Metadata are changes of a user's metadata, each a JSON object, or nil for none.
type Metadata struct{ Public, Private, Unsafe json.RawMessage }

// MergeMetadata merges into the user's metadata as the Backend API does, at any depth; null removes a key. user.updated follows.
// What is not an object is ErrRefused.
func (c *Clerk) MergeMetadata(userID string, m Metadata) error {
	for _, patch := range []json.RawMessage{m.Public, m.Private, m.Unsafe} {
		if _, ok := members(patch); patch != nil && !ok {
			return fmt.Errorf("metadata of user %s is no JSON object: %w", userID, ErrRefused)
		}
	}
	return c.editUser(userID, func(u *user) {
		u.public, u.private, u.unsafe = mergedInto(u.public, m.Public), mergedInto(u.private, m.Private), mergedInto(u.unsafe, m.Unsafe)
	})
}

// mergedInto is nil where nothing is left, as in a world where nobody ever set anything.
func mergedInto(old, patch json.RawMessage) json.RawMessage {
	if patch == nil {
		return old
	}
	out := mergedValue(old, patch)
	if bytes.Equal(out, []byte("{}")) {
		return nil
	}
	return out
}

// mergedValue keeps every value that it does not merge byte for byte, for a number may have more digits than a float64.
func mergedValue(old, patch json.RawMessage) json.RawMessage {
	changes, ok := members(patch)
	if !ok {
		return patch
	}
	all, ok := members(old)
	if !ok {
		all = map[string]json.RawMessage{}
	}
	for key, value := range changes {
		if bytes.Equal(value, []byte("null")) {
			delete(all, key)
			continue
		}
		all[key] = mergedValue(all[key], value)
	}
	return mustJSON(all)
}

func members(v json.RawMessage) (map[string]json.RawMessage, bool) {
	var all map[string]json.RawMessage
	ok := json.Unmarshal(v, &all) == nil && all != nil
	return all, ok
}
