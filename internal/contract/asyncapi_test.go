package main

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	broker "github.com/clerkstream/clerkstream/deploy/nats"
	"github.com/clerkstream/clerkstream/events"
	"github.com/clerkstream/clerkstream/schema"
)

const documentURL = "embedded:///asyncapi.yaml"

// document is the embedded AsyncAPI document.
func document(t *testing.T) map[string]any {
	t.Helper()
	var doc map[string]any
	if err := yaml.Unmarshal([]byte(schema.AsyncAPI), &doc); err != nil {
		t.Fatal(err)
	}
	return doc
}

// at follows names from doc.
func at(t *testing.T, doc any, path ...string) map[string]any {
	t.Helper()
	for _, name := range path {
		below, ok := doc.(map[string]any)[name]
		if !ok {
			t.Fatalf("the document has no %q of %v", name, path)
		}
		doc = below
	}
	return doc.(map[string]any)
}

// withDocument compiles schemas of the document and those it refers to.
func withDocument(t *testing.T) *jsonschema.Compiler {
	t.Helper()
	compiler := newCompiler()
	if err := compiler.AddResource(documentURL, document(t)); err != nil {
		t.Fatal(err)
	}
	return compiler
}

func TestTheDocumentIsAsyncAPI(t *testing.T) {
	t.Parallel()
	file, err := os.Open("testdata/asyncapi.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	rules, err := jsonschema.UnmarshalJSON(file)
	if err != nil {
		t.Fatal(err)
	}
	compiler := newCompiler()
	if err := compiler.AddResource("embedded:///asyncapi.schema.json", rules); err != nil {
		t.Fatal(err)
	}
	asyncAPI := compiler.MustCompile("embedded:///asyncapi.schema.json")
	if err := asyncAPI.Validate(any(document(t))); err != nil {
		t.Error(err)
	}
	// What a slip of the pen would make of it is refused.
	for name, slip := range map[string]func(map[string]any){
		"another version":       func(d map[string]any) { d["asyncapi"] = "2.6.0" },
		"no title":              func(d map[string]any) { delete(at(t, d, "info"), "title") },
		"publish for send":      func(d map[string]any) { at(t, d, "operations", "sendEvent")["action"] = "publish" },
		"an operation without":  func(d map[string]any) { delete(at(t, d, "operations", "sendEvent"), "channel") },
		"a misspelt field":      func(d map[string]any) { at(t, d, "channels", "event")["addr"] = "x" },
		"a field of 2.x":        func(d map[string]any) { at(t, d, "channels", "event")["subscribe"] = map[string]any{} },
		"headers of no schema":  func(d map[string]any) { at(t, d, "components", "messages", "unrouted")["headers"] = "none" },
		"a type that is none":   func(d map[string]any) { at(t, d, "components", "schemas", "headers")["type"] = "struct" },
		"a server without host": func(d map[string]any) { delete(at(t, d, "servers", "broker"), "host") },
		"parameter with schema": func(d map[string]any) {
			at(t, d, "channels", "event", "parameters", "verb")["schema"] = map[string]any{}
		},
		"message spelt out": func(d map[string]any) { at(t, d, "channels", "event", "messages")["user.created"] = map[string]any{} },
		"location out of thin a": func(d map[string]any) {
			at(t, d, "channels", "event", "parameters", "verb")["location"] = "$message.subject"
		},
	} {
		doc := document(t)
		slip(doc)
		if asyncAPI.Validate(any(doc)) == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}

// TestEveryReferenceLeadsSomewhere: in the document, and from it to the files beside it.
func TestEveryReferenceLeadsSomewhere(t *testing.T) {
	t.Parallel()
	doc := document(t)
	references := 0
	var visit func(any)
	visit = func(value any) {
		switch value := value.(type) {
		case []any:
			for _, of := range value {
				visit(of)
			}
		case map[string]any:
			for _, of := range value {
				visit(of)
			}
			ref, ok := value["$ref"].(string)
			if !ok {
				return
			}
			references++
			if path, inside := strings.CutPrefix(ref, "#/"); inside {
				at(t, doc, strings.Split(path, "/")...)
			} else if _, err := schema.Events.Open(strings.TrimPrefix(ref, "./")); err != nil {
				t.Error(err)
			}
		}
	}
	visit(doc)
	if want := 3 * len(events.Types()); references < want {
		t.Errorf("only %d references, not %d", references, want)
	}
}

// TestEachTypeIsAMessage: of the channel, with its own type in the headers and its own schema.
func TestEachTypeIsAMessage(t *testing.T) {
	t.Parallel()
	doc := document(t)
	want := append(events.Types(), "anyOtherType")
	slices.Sort(want)
	for _, got := range []map[string]any{at(t, doc, "channels", "event", "messages"), at(t, doc, "components", "messages")} {
		delete(got, "unrouted")
		if names := slices.Sorted(maps.Keys(got)); !slices.Equal(names, want) {
			t.Errorf("messages %v, want %v", names, want)
		}
	}
	for _, typ := range events.Types() {
		if got := at(t, doc, "components", "messages", typ, "payload")["$ref"]; got != "./events/"+typ+".json" {
			t.Errorf("the payload of %s is %v", typ, got)
		}
	}
}

// TestWhatIsPublishedFitsTheDocument: subject, headers and body of every sample, by the message that the document has for it.
func TestWhatIsPublishedFitsTheDocument(t *testing.T) {
	t.Parallel()
	doc, compiler := document(t), withDocument(t)
	headers, used := map[string]bool{}, map[string]bool{}
	for name, e := range samples(t) {
		message, channel := e.Type, "event"
		switch {
		case e.Unrouted != "":
			message, channel = "unrouted", "unrouted"
		case !slices.Contains(events.Types(), e.Type):
			message = "anyOtherType"
		}
		used[message] = true
		subject := map[string]string{"instance": e.Instance, "object": e.Object, "entityId": e.EntityID, "verb": e.Verb}
		if channel == "unrouted" {
			subject = map[string]string{"instance": e.Instance, "hash": fmt.Sprintf("%x", sha256.Sum256([]byte(e.ID)))}
		}
		if got := parameters(t, doc, channel, e.Subject()); !maps.Equal(got, subject) {
			t.Errorf("%s: subject %s of channel %s reads as %v, not %v", name, e.Subject(), channel, got, subject)
		}
		value := map[string]any{}
		for header, values := range e.Header() {
			headers[header] = true
			value[header] = values[0]
		}
		if location := at(t, doc, "channels", "event", "parameters", "entityId")["location"]; channel == "event" {
			if header := strings.TrimPrefix(location.(string), "$message.header#/"); value[header] != e.EntityID {
				t.Errorf("%s: the entity's id is %s, and not in header %s", name, e.EntityID, header)
			}
		}
		if err := compiler.MustCompile(documentURL + "#/components/messages/" + message + "/headers").Validate(any(value)); err != nil {
			t.Errorf("%s: headers %v", name, err)
		}
		other := compiler.MustCompile(documentURL + "#/components/messages/" + otherThan(message) + "/headers")
		if other.Validate(any(value)) == nil {
			t.Errorf("%s: its headers are also those of %s", name, otherThan(message))
		}
	}
	named := at(t, doc, "components", "schemas", "headers", "properties")
	if got, want := slices.Sorted(maps.Keys(named)), slices.Sorted(maps.Keys(headers)); !slices.Equal(got, want) {
		t.Errorf("the document names the headers\n%v\nand an event has\n%v", got, want)
	}
	if !used["unrouted"] || !used["anyOtherType"] || len(used) < 45 {
		t.Errorf("only %d messages are proved", len(used))
	}
}

// otherThan is a message whose headers must differ.
func otherThan(message string) string {
	switch message {
	case "user.created":
		return "user.updated"
	case "anyOtherType":
		return "unrouted"
	}
	return "user.created"
}

// parameters reads a subject by the address of a channel. It is nil for one of another form.
func parameters(t *testing.T, doc map[string]any, channel, subject string) map[string]string {
	t.Helper()
	tokens, address := strings.Split(subject, "."), strings.Split(at(t, doc, "channels", channel)["address"].(string), ".")
	if len(tokens) != len(address) {
		return nil
	}
	read := map[string]string{}
	for i, part := range address {
		if name, ok := strings.CutPrefix(part, "{"); ok {
			read[strings.TrimSuffix(name, "}")] = tokens[i]
		} else if part != tokens[i] {
			return nil
		}
	}
	described := slices.Sorted(maps.Keys(at(t, doc, "channels", channel, "parameters")))
	if !slices.Equal(described, slices.Sorted(maps.Keys(read))) {
		t.Errorf("channel %s describes the parameters %v, not %v", channel, described, read)
	}
	return read
}

// TestTheWrongHeadersAreRefused: one header less, or one that says something else.
func TestTheWrongHeadersAreRefused(t *testing.T) {
	t.Parallel()
	s := withDocument(t).MustCompile(documentURL + "#/components/messages/email.created/headers")
	body, err := os.ReadFile(root + "/testdata/payloads/email.created.json")
	if err != nil {
		t.Fatal(err)
	}
	right := func() map[string]any {
		value := map[string]any{}
		for header, values := range taken(body).Header() {
			value[header] = values[0]
		}
		return value
	}
	if err := s.Validate(any(right())); err != nil {
		t.Fatal(err)
	}
	optional := []string{"traceparent", "Nats-TTL", "ce-time", "Clerkstream-Blanked"}
	for header := range right() {
		less, wrong := right(), right()
		delete(less, header)
		if err := s.Validate(any(less)); (err == nil) != slices.Contains(optional, header) {
			t.Errorf("without %s: %v", header, err)
		}
		wrong[header] = ""
		if header != "Clerkstream-Blanked" && s.Validate(any(wrong)) == nil {
			t.Errorf("an empty %s is accepted", header)
		}
	}
}

// TestTheStreamIsTheOneThatIsMade: the settings in the document are those that provisioning applies.
func TestTheStreamIsTheOneThatIsMade(t *testing.T) {
	t.Parallel()
	want, err := broker.StreamConfig(exampleInstance, broker.Settings{})
	if err != nil {
		t.Fatal(err)
	}
	got := at(t, document(t), "servers", "broker", "x-jetstream-stream")
	subjects, _ := got["subjects"].([]any)
	if got["name"] != want.Name || len(subjects) != 1 || subjects[0] != want.Subjects[0] ||
		got["duplicate_window"] != want.Duplicates.String() || got["allow_msg_ttl"] != want.AllowMsgTTL || got["max_age"] != want.MaxAge.String() {
		t.Errorf("%v is not %+v", got, want)
	}
}
