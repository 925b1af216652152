package clerksim

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// reader is a second, independent way from messages to rows, as a careful receiver would go: it knows nothing of the world, keeps the winning
// message per object in any order of arrival, and reads columns off the JSON. It exists to judge the oracle.
type reader struct {
	winners map[string]*fact // object id → newest state
	beats   func(a, b *fact) bool
}

type fact struct {
	typ, object, verb, id string
	deleted               bool
	updated, timestamp    int64
	data                  map[string]any
}

func newReader() *reader { return &reader{winners: map[string]*fact{}, beats: newer} }

// newer is the whole rule: what is deleted stays deleted, then updated_at, then the envelope, then the state that cannot be left.
func newer(a, b *fact) bool {
	switch {
	case a.deleted != b.deleted:
		return a.deleted
	case a.updated != b.updated:
		return a.updated > b.updated
	case a.timestamp != b.timestamp:
		return a.timestamp > b.timestamp
	}
	return final(a.verb) && !final(b.verb)
}

func final(verb string) bool {
	return verb == "ended" || verb == "removed" || verb == "revoked" || verb == "accepted"
}

func (r *reader) read(t testing.TB, m Message) {
	t.Helper()
	f := parse(t, m)
	if old, ok := r.winners[f.id]; !ok || r.beats(f, old) {
		r.winners[f.id] = f
	}
}

func parse(t testing.TB, m Message) *fact {
	t.Helper()
	var envelope struct {
		Type      string         `json:"type"`
		Object    string         `json:"object"`
		Timestamp int64          `json:"timestamp"`
		Data      map[string]any `json:"data"`
	}
	d := json.NewDecoder(bytes.NewReader(m.Body))
	if err := d.Decode(&envelope); err != nil {
		t.Fatalf("%s: %v\n%s", m.Type, err, m.Body)
	}
	f := &fact{typ: envelope.Type, timestamp: toMillis(envelope.Timestamp), data: envelope.Data}
	f.object, f.verb, _ = strings.Cut(f.typ, ".")
	f.id, _ = f.data["id"].(string)
	f.deleted = f.verb == "deleted"
	f.updated = toMillis(number(f.data["updated_at"]))
	if f.id != m.EntityID || f.typ != m.Type || envelope.Object != "event" {
		t.Fatalf("message says %s %s, body says %s %s", m.Type, m.EntityID, f.typ, f.id)
	}
	return f
}

func toMillis(v int64) int64 {
	if v > 0 && v < 1_000_000_000_000 {
		return v * 1000
	}
	return v
}

func number(v any) int64 {
	f, _ := v.(float64)
	return int64(f)
}

// rows are the read models, by the contract of their columns.
func (r *reader) rows() map[string]map[string]Row {
	out := map[string]map[string]Row{}
	put := func(model, key string, row Row) {
		if out[model] == nil {
			out[model] = map[string]Row{}
		}
		out[model][key] = row
	}
	for id, f := range r.winners {
		if f.deleted || r.gone(f) {
			continue
		}
		model, row := f.row()
		if model == "" {
			continue
		}
		row["id"], row["created_at"], row["updated_at"] = id, moment(f.data["created_at"]), moment(f.data["updated_at"])
		put(model, id, row)
		switch model {
		case "users":
			for key, row := range f.identifiers() {
				put("user_identifiers", key, row)
			}
		case "roles":
			for _, p := range list(f.data["permissions"]) {
				p := p.(map[string]any)
				if held := r.winners[str(p["id"])]; held == nil || !held.deleted {
					put("role_permissions", id+"|"+str(p["id"]), Row{"role_id": id, "permission_id": p["id"], "permission_key": p["key"]})
				}
			}
		}
	}
	return out
}

// gone is true for what disappears with its parents.
func (r *reader) gone(f *fact) bool {
	dead := func(id string) bool { p := r.winners[id]; return p != nil && p.deleted }
	switch f.object {
	case "organizationMembership":
		return dead(str(sub(f.data["organization"])["id"])) || dead(str(sub(f.data["public_user_data"])["user_id"]))
	case "organizationInvitation", "organizationDomain":
		return dead(str(f.data["organization_id"]))
	case "session":
		return dead(str(f.data["user_id"]))
	}
	return false
}

func str(v any) string { s, _ := v.(string); return s }

func sub(v any) map[string]any { m, _ := v.(map[string]any); return m }

func list(v any) []any { l, _ := v.([]any); return l }

func nullable(v any) any {
	if s, ok := v.(string); ok && s != "" {
		return s
	}
	return nil
}

func flag(v any) bool { b, _ := v.(bool); return b }

func moment(v any) any {
	if n := toMillis(number(v)); n != 0 {
		return time.UnixMilli(n).UTC()
	}
	return nil
}

// safe is JSON without what the webhook keeps to itself.
func safe(v any) any {
	if s, ok := v.(map[string]any); ok {
		out := map[string]any{}
		for k, inner := range s {
			out[k] = safe(inner)
			if k == "backup_codes" || k == "external_verification_redirect_url" {
				out[k] = nil
			}
		}
		return out
	}
	if l, ok := v.([]any); ok {
		out := make([]any, len(l))
		for i := range l {
			out[i] = safe(l[i])
		}
		return out
	}
	return v
}

func array(v any) any {
	if v == nil {
		return []any{}
	}
	return safe(v)
}

func meta(v any) any {
	if v == nil {
		return map[string]any{}
	}
	return v
}
