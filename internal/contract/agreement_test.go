package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/clerkstream/clerkstream/events"
	"github.com/clerkstream/clerkstream/internal/clerksim"
	"github.com/clerkstream/clerkstream/schema"
)

// The one thing that a schema means: a body fits exactly if its typed event can be read. Of times alone the contract asks more than the reader does:
// what is no time it takes for none.

// stricter are samples that only the reader takes.
var stricter = []string{"envelope.timestamp-nonsense"}

func TestASampleFitsItsSchemaExactlyIfItCanBeRead(t *testing.T) {
	t.Parallel()
	schemas := compiled(t)
	fit, misfit := map[string]bool{}, 0
	for name, e := range samples(t) {
		s := schemas[e.Type]
		if s == nil || e.Unrouted != "" {
			continue
		}
		_, readErr := events.Typed(e)
		fitErr := s.Validate(parse(t, e.Body))
		switch {
		case slices.Contains(stricter, name):
			if readErr != nil || fitErr == nil {
				t.Errorf("%s is no exception any more: read %v, fits %v", name, readErr, fitErr)
			}
		case (readErr == nil) != (fitErr == nil):
			t.Errorf("%s: read %v, fits %v", name, readErr, fitErr)
		case fitErr == nil:
			fit[e.Type] = true
		default:
			misfit++
		}
	}
	for _, typ := range events.Types() {
		if !fit[typ] && !observedOnly(typ) {
			t.Errorf("no sample of %s fits", typ)
		}
	}
	if misfit == 0 {
		t.Error("no sample is refused: user.updated.wrong-types should be")
	}
}

// observedOnly are the types that no webhook has: the polled objects, and what the Backend API alone tells of the others.
func observedOnly(typ string) bool {
	object, _, _ := events.SplitType(typ)
	return slices.Contains([]string{events.ObjectEnterpriseConnection, events.ObjectRoleSet, events.ObjectSCIMDirectory}, object) ||
		slices.Contains([]string{
			"organizationInvitation.expired", "organizationInvitation.deleted", "waitlistEntry.deleted", "subscription.deleted", "subscriptionItem.deleted",
		}, typ)
}

// TestWhatASimulatedClerkSendsFits covers the odd shapes that the simulator makes up, in every mixture.
func TestWhatASimulatedClerkSendsFits(t *testing.T) {
	t.Parallel()
	schemas := compiled(t)
	world := clerksim.NewWorld(clerksim.Config{Seed: 9, OddRate: 0.3, Changes: 1500})
	seen := map[string]int{}
	for {
		m, more := world.Next()
		if !more {
			break
		}
		e, _ := events.New(events.Intake{ID: m.ID, Instance: "prod", Source: events.SourceWebhook, Received: m.Time}, m.Body)
		seen[e.Type]++
		if s := schemas[e.Type]; s == nil {
			t.Errorf("no schema of %s", e.Type)
		} else if err := s.Validate(parse(t, e.Body)); err != nil {
			t.Fatalf("%s does not fit: %v\n%s", m.ID, err, e.Body)
		}
	}
	messages := 0
	for _, n := range seen {
		messages += n
	}
	if messages < 2000 || len(seen) < 40 {
		t.Errorf("only %d messages of %d types: %v", messages, len(seen), seen)
	}
}

// TestEachFieldIsRefusedWhereItCannotBeRead is the negative control: in a body of each type, each field that the schema names takes each kind of value in turn.
func TestEachFieldIsRefusedWhereItCannotBeRead(t *testing.T) {
	t.Parallel()
	schemas := compiled(t)
	kinds := map[string]any{
		"null": nil, "true": true, "7": json.Number("7"), "7.5": json.Number("7.5"), "too much": json.Number("9223372036854775808"),
		"text": "x", "array": []any{}, "array of numbers": []any{json.Number("1")}, "object": map[string]any{},
	}
	for _, typ := range events.Types() {
		t.Run(typ, func(t *testing.T) {
			t.Parallel()
			object, _, _ := events.SplitType(typ)
			refused := map[string]bool{}
			for path, isTime := range fields(t, "events/parts/"+object+".json") {
				for kind, value := range kinds {
					_, isText := value.(string)
					_, isNumber := value.(json.Number)
					if path == "id" && kind != "text" || isTime && !isText && !isNumber {
						continue // without an id there is no event of this type; and for times see above
					}
					data := map[string]any{"id": "any_1"}
					place(data, strings.Split(path, "/"), value)
					e := bodyOf(t, typ, data)
					_, readErr := events.Typed(e)
					fitErr := schemas[typ].Validate(parse(t, e.Body))
					if (readErr == nil) != (fitErr == nil) {
						t.Errorf("%s at %s: read %v, fits %v", kind, path, readErr, fitErr)
					}
					refused[path] = refused[path] || fitErr != nil
				}
			}
			if n := len(slices.Collect(maps.Keys(refused))); n < 7 {
				t.Errorf("only %d fields", n)
			}
			if !slices.Contains(slices.Collect(maps.Values(refused)), true) {
				t.Error("nothing is refused")
			}
		})
	}
}

// TestABodyWithoutItsAddressIsRefused: type and data.id make the subject, so a body that lacks one cannot have come under it.
func TestABodyWithoutItsAddressIsRefused(t *testing.T) {
	t.Parallel()
	for typ, s := range compiled(t) {
		for _, body := range []string{
			`{"data":{"id":"any_1"}}`, `{"type":"` + typ + `"}`, `{"type":"` + typ + `","data":{}}`, `{"type":"` + typ + `","data":null}`,
			`{"type":"` + typ + `","data":{"id":"with.dot"}}`, `{"type":"` + typ + `","data":{"id":7}}`, `{"type":"other.updated","data":{"id":"any_1"}}`,
			`{"type":"` + typ + `","data":{"id":""}}`, `[]`, `null`,
		} {
			if s.Validate(parse(t, []byte(body))) == nil {
				t.Errorf("%s fits %s", body, typ)
			}
		}
		if err := s.Validate(parse(t, []byte(`{"type":"`+typ+`","data":{"id":"any_1"}}`))); err != nil {
			t.Errorf("nothing but the address: %v", err)
		}
	}
}

// compiled are the published schemas by event type, from the embedded files.
func compiled(t *testing.T) map[string]*jsonschema.Schema {
	t.Helper()
	schemas, err := compileOnce()
	if err != nil {
		t.Fatal(err)
	}
	return schemas
}

var compileOnce = sync.OnceValues(func() (map[string]*jsonschema.Schema, error) {
	compiler := newCompiler()
	schemas := map[string]*jsonschema.Schema{}
	for _, typ := range events.Types() {
		s, err := compiler.Compile("embedded:///events/" + typ + ".json")
		if err != nil {
			return nil, err
		}
		schemas[typ] = s
	}
	return schemas, nil
})

// newCompiler finds schemas in package schema and nowhere else.
func newCompiler() *jsonschema.Compiler {
	compiler := jsonschema.NewCompiler()
	compiler.UseLoader(embedded{schema.Events})
	compiler.AssertFormat()
	return compiler
}

type embedded struct{ fs.ReadFileFS }

func (e embedded) Load(url string) (any, error) {
	path, ok := strings.CutPrefix(url, "embedded:///")
	if !ok {
		return nil, errors.New("not embedded: " + url)
	}
	text, err := e.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return jsonschema.UnmarshalJSON(bytes.NewReader(text))
}

// samples are the events of the repository's payloads, by the file's name.
func samples(t *testing.T) map[string]*events.Event {
	t.Helper()
	files, err := filepath.Glob(root + "/testdata/payloads/*.json")
	if err != nil || len(files) < 160 {
		t.Fatalf("only %d samples: %v", len(files), err)
	}
	found := map[string]*events.Event{}
	for _, file := range files {
		body, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		found[strings.TrimSuffix(filepath.Base(file), ".json")] = taken(body)
	}
	return found
}

// taken is the event that a body becomes, with all that a delivery can bring.
func taken(body []byte) *events.Event {
	e, _ := events.New(events.Intake{
		ID: "msg_1", Instance: "prod", Source: events.SourceWebhook, Received: time.Date(2026, 9, 3, 10, 0, 0, 0, time.UTC),
		TraceParent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
	}, body)
	return &e
}

func bodyOf(t *testing.T, typ string, data map[string]any) *events.Event {
	t.Helper()
	body, err := json.Marshal(map[string]any{"type": typ, "data": data})
	if err != nil {
		t.Fatal(err)
	}
	// Not taken: a wrong value in the place of a credential would be blanked, and be right.
	return &events.Event{ID: "msg_1", Type: typ, Body: body}
}

func parse(t *testing.T, body []byte) any {
	t.Helper()
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// fields are the paths of all members that a schema names, at any depth, and whether they are times; an element of an array is 0.
func fields(t *testing.T, file string) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	var visit func(path string, s, document map[string]any)
	visit = func(path string, s, document map[string]any) {
		switch ref, _ := s["$ref"].(string); {
		case ref == "time.json":
			found[path] = true
			return
		case strings.HasPrefix(ref, "#/$defs/"):
			s = document["$defs"].(map[string]any)[strings.TrimPrefix(ref, "#/$defs/")].(map[string]any)
		case ref != "":
			document = loaded(t, "events/parts/"+ref)
			s = document
		}
		if path != "" {
			found[path] = false
		}
		if items, ok := s["items"].(map[string]any); ok {
			visit(path+"/0", items, document)
		}
		members, _ := s["properties"].(map[string]any)
		for name, of := range members {
			visit(strings.TrimPrefix(path+"/"+name, "/"), of.(map[string]any), document)
		}
	}
	document := loaded(t, file)
	visit("", document, document)
	return found
}

func loaded(t *testing.T, file string) map[string]any {
	t.Helper()
	value, err := embedded{schema.Events}.Load("embedded:///" + file)
	if err != nil {
		t.Fatal(err)
	}
	return value.(map[string]any)
}

// place puts value at path below object and makes what is missing on the way.
func place(object map[string]any, path []string, value any) {
	if len(path) == 1 {
		object[path[0]] = value
		return
	}
	below := map[string]any{}
	switch {
	case path[1] != "0":
		object[path[0]] = below
		place(below, path[1:], value)
	case len(path) == 2:
		object[path[0]] = []any{value}
	default:
		object[path[0]] = []any{below}
		place(below, path[2:], value)
	}
}
