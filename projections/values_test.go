package projections

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/clerkstream/clerkstream/events"
	"github.com/clerkstream/clerkstream/internal/testkit"
)

var rich = testkit.Data{
	"id": "user_1", "first_name": "Ada", "last_name": "", "banned": true, "last_sign_in_at": noon.UnixMilli() + 7,
	"unsafe_metadata": map[string]any{"z": 1, "a": []any{true, nil, "<&>"}}, "username": "ada",
	"email_addresses": []any{map[string]any{"id": "idn_1", "email_address": "Ada@Example.com"}},
}

func described(t *testing.T, p Projection, e events.Event) map[string]Value {
	t.Helper()
	row, err := p.Decode(&e)
	if err != nil {
		t.Fatal(err)
	}
	row.Sequence = 12
	values := map[string]Value{}
	for _, v := range p.(Describer).Describe(row) {
		values[v.Column] = v
	}
	return values
}

func TestARowSaysItsValues(t *testing.T) {
	t.Parallel()
	have := described(t, users(), event("msg_1", testkit.Body("user.updated", noon, rich)))
	for column, want := range map[string]string{
		"id": "user_1", "first_name": "Ada", "banned": "true", "locked": "false", "last_sign_in_at": "2026-03-01T12:00:00.007Z",
		"unsafe_metadata": `{"a":[true,null,"<&>"],"z":1}`, "public_metadata": "{}", "phone_numbers": "[]",
		"user_identifiers": `[{"kind":"email","value":"ada@example.com","verified":false},{"kind":"username","value":"ada","verified":true}]`,
	} {
		if v := have[column]; v.Text != want || v.Null {
			t.Errorf("%s is %q, want %q", column, v.Text, want)
		}
	}
	for _, column := range []string{"last_name", "last_active_at", "primary_email"} {
		if v := have[column]; !v.Null || v.Text != "" {
			t.Errorf("%s is %q, want null", column, v.Text)
		}
	}
	if _, there := have["private_metadata"]; there {
		t.Error("private_metadata shows, although nobody opted in")
	}
	with := WithPrivateMetadata([]Projection{users()})[0]
	if _, there := described(t, with, event("msg_1", testkit.Body("user.updated", noon, rich)))["private_metadata"]; !there {
		t.Error("private_metadata does not show to who opted in")
	}
}

func TestATombstoneSaysItsIDAlone(t *testing.T) {
	t.Parallel()
	have := described(t, users(), event("msg_1", testkit.Body("user.deleted", noon, testkit.Data{"id": "user_1", "deleted": true})))
	if have["user_identifiers"].Text != "[]" {
		t.Errorf("its identifiers are %s", have["user_identifiers"].Text)
	}
	delete(have, "user_identifiers")
	for column, v := range have {
		if v.Null == (column == "id") {
			t.Errorf("%s is %q", column, v.Text)
		}
	}
}

func TestALogsRowSaysItsValues(t *testing.T) {
	t.Parallel()
	l := &Log[events.Session]{Model: "sign_ins", Columns: []Column[events.Session]{Text("user_id", func(s *events.Session) string { return s.UserID })}}
	have := described(t, l, event("msg_1", testkit.Body("session.created", noon, testkit.Data{"id": "sess_1", "user_id": "user_1"})))
	for column, want := range map[string]string{
		"event_id": "msg_1", "sequence": "12", "type": "session.created", "entity_id": "sess_1", "user_id": "user_1",
		"occurred_at": noon.Add(5 * time.Millisecond).Format(rfc3339Milli),
	} {
		if have[column].Text != want {
			t.Errorf("%s is %q, want %q", column, have[column].Text, want)
		}
	}
}

// What a person is told is what Postgres has: the two ways from one row must not part.
func TestARowSaysWhatItsTableHolds(t *testing.T) {
	t.Parallel()
	all := All()
	b := newTables(t, all...)
	for _, p := range all {
		e := event("msg_1", testkit.Body(typeOf[p.Name()], noon, rich))
		b.write(t, p, e)
		table := map[string]any{}
		text := value[[]byte](t, b, `select to_jsonb(t) - '{version,deleted,children_hash,documents_hash}'::text[] from g.`+p.Name()+` t`)
		if err := json.Unmarshal(text, &table); err != nil {
			t.Fatal(err)
		}
		said := map[string]any{}
		for name, v := range described(t, p, e) {
			var one any
			if text, err := json.Marshal(v); err != nil || json.Unmarshal(text, &one) != nil {
				t.Fatalf("%s.%s is no JSON: %q", p.Name(), name, v.Text)
			}
			if at, ok := table[name].(string); ok && v.Type == TypeMoment {
				moment, err := time.Parse(time.RFC3339, at)
				if err != nil {
					t.Fatal(err)
				}
				table[name] = moment.UTC().Format(rfc3339Milli)
			}
			said[name] = one
		}
		for name := range table {
			if !reflect.DeepEqual(table[name], said[name]) {
				t.Errorf("%s.%s is %v, and is said to be %v", p.Name(), name, table[name], said[name])
			}
			delete(said, name)
		}
		for name := range said {
			if name != "user_identifiers" && name != "role_permissions" {
				t.Errorf("%s.%s is said and not there", p.Name(), name)
			}
		}
	}
}
