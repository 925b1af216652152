package main

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/clerkstream/clerkstream/events"
	"github.com/clerkstream/clerkstream/schema"
)

const root = "../.."

// TestTheFilesAreThoseOfTheCode: who changes a Go type changes the contract, and shall see it.
func TestTheFilesAreThoseOfTheCode(t *testing.T) {
	t.Parallel()
	made, err := contract(root)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range made {
		got, err := os.ReadFile(filepath.Join(root, name))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is not what the code says (%v): run make schema, and think of those who read the old one", name, err)
		}
	}
	for _, name := range published(t) {
		if made["schema/"+name] == nil {
			t.Errorf("schema/%s stands for nothing any more: run make schema", name)
		}
	}
	if want := len(events.Types()) + 19; len(published(t)) != want {
		t.Errorf("%d schemas are embedded, not %d", len(published(t)), want)
	}
	if schema.AsyncAPI != string(made[asyncapiFile]) {
		t.Error("the embedded AsyncAPI document is another")
	}
}

// published are the embedded schemas, as the users of package schema find them.
func published(t *testing.T) []string {
	t.Helper()
	var names []string
	err := fs.WalkDir(schema.Events, "events", func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			names = append(names, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// The negative control: each of these is another contract than a permission is.
func TestAnotherTypeIsAnotherSchema(t *testing.T) {
	t.Parallel()
	old := rendered(t, reflect.TypeFor[events.Permission]())
	for name, other := range map[string]any{
		"nothing": struct{}{},
		"a field of another type": struct {
			ID          string      `json:"id"`
			Name        bool        `json:"name"`
			Key         string      `json:"key"`
			Description string      `json:"description"`
			Type        string      `json:"type"`
			CreatedAt   events.Time `json:"created_at"`
			UpdatedAt   events.Time `json:"updated_at"`
		}{},
		"a field of another name": struct {
			ID          string      `json:"id"`
			Name        string      `json:"names"`
			Key         string      `json:"key"`
			Description string      `json:"description"`
			Type        string      `json:"type"`
			CreatedAt   events.Time `json:"created_at"`
			UpdatedAt   events.Time `json:"updated_at"`
		}{},
		"one field less": struct {
			ID          string      `json:"id"`
			Name        string      `json:"name"`
			Key         string      `json:"key"`
			Description string      `json:"description"`
			Type        string      `json:"type"`
			CreatedAt   events.Time `json:"created_at"`
		}{},
	} {
		if bytes.Equal(rendered(t, reflect.TypeOf(other)), old) {
			t.Errorf("%s makes no difference", name)
		}
	}
	// And the control of the control: the same fields are the same schema.
	if same := rendered(t, reflect.TypeFor[struct {
		ID          string      `json:"id"`
		Name        string      `json:"name"`
		Key         string      `json:"key"`
		Description string      `json:"description"`
		Type        string      `json:"type"`
		CreatedAt   events.Time `json:"created_at"`
		UpdatedAt   events.Time `json:"updated_at"`
	}]()); !bytes.Equal(same, old) {
		t.Errorf("the same fields make\n%s\nnot\n%s", same, old)
	}
}

// rendered is the schema of a type but for its name.
func rendered(t *testing.T, typ reflect.Type) []byte {
	t.Helper()
	s := payload(typ, comments{})
	s.Title = ""
	text, err := render(s)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestTheLayoutChangesNothing: what is put on one line for people stays the same JSON.
func TestTheLayoutChangesNothing(t *testing.T) {
	t.Parallel()
	s := &node{Title: "a", Description: "[\n \"x\"\n] {\n \"y\"\n}", Type: []string{"string", "null"}, Required: []string{"one"}}
	text, err := render(s)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, text); err != nil || compact.String() != string(plain) {
		t.Errorf("%v\n%s\n%s", err, compact.String(), plain)
	}
}

// TestTheSchemasReadAlikeInDraft07: AsyncAPI 3.0 and many tools know that draft only. There a schema with a reference is nothing but the reference.
func TestTheSchemasReadAlikeInDraft07(t *testing.T) {
	t.Parallel()
	beside := []string{"$ref", "description", "$schema", "title"}
	for _, name := range published(t) {
		text, err := schema.Events.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var s map[string]any
		if err := json.Unmarshal(text, &s); err != nil {
			t.Fatal(err)
		}
		everySchema(s, func(s map[string]any) {
			for keyword := range s {
				if s["$ref"] != nil && !slices.Contains(beside, keyword) {
					t.Errorf("%s: %s stands beside a reference", name, keyword)
				}
			}
		})
	}
}

// everySchema calls see for s and all schemas in it.
func everySchema(s map[string]any, see func(map[string]any)) {
	see(s)
	for keyword, value := range s {
		switch keyword {
		case "properties", "$defs":
			for _, of := range value.(map[string]any) {
				everySchema(of.(map[string]any), see)
			}
		case "items":
			everySchema(value.(map[string]any), see)
		case "allOf":
			for _, of := range value.([]any) {
				everySchema(of.(map[string]any), see)
			}
		}
	}
}

// TestDescriptionsSpeakOfJSON: a reader in another language has never heard of SAMLAccounts.
func TestDescriptionsSpeakOfJSON(t *testing.T) {
	t.Parallel()
	text, err := schema.Events.ReadFile("events/parts/user.json")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), `"saml_accounts is the older name of enterprise_accounts; reading a payload moves it there."`) {
		t.Error("the comment of a field is not its description, or names Go's fields")
	}
}
