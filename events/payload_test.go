package events_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/clerkstream/clerkstream/events"
)

// decoding is one sample and the whole payload it must give.
type decoding struct {
	sample string
	want   any
	read   func(*events.Event) (any, error)
}

func reads[T any](name string, want T) decoding {
	return decoding{name, want, func(e *events.Event) (any, error) { return events.Payload[T](e) }}
}

func TestPayloadReadsEveryField(t *testing.T) {
	t.Parallel()
	for _, tc := range decodings(t) {
		t.Run(fmt.Sprintf("%s/%T", tc.sample, tc.want), func(t *testing.T) {
			t.Parallel()
			got, err := tc.read(keepingPrivate(t, tc.sample))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got, cmp.Comparer(sameJSON)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// TestNoFieldIsLeftOut keeps the table above honest: a field that is zero in every row is a field nobody tests.
func TestNoFieldIsLeftOut(t *testing.T) {
	t.Parallel()
	set := map[string]bool{}
	for _, tc := range decodings(t) {
		noteFields(reflect.ValueOf(tc.want), set)
	}
	for _, tc := range spellings() {
		noteFields(reflect.ValueOf(tc.want), set)
	}
	if len(set) < 150 {
		t.Errorf("only %d fields found: the walk is broken", len(set))
	}
	for field, nonzero := range set {
		if !nonzero {
			t.Errorf("%s is zero in every row", field)
		}
	}
}

// noteFields walks v and notes, for each field of each struct type of the package, whether it was ever set.
func noteFields(v reflect.Value, set map[string]bool) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			noteFields(v.Elem(), set)
		}
	case reflect.Slice:
		if v.Type() == reflect.TypeFor[events.JSON]() {
			return
		}
		for i := range v.Len() {
			noteFields(v.Index(i), set)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			name := v.Type().String() + "." + v.Type().Field(i).Name
			set[name] = set[name] || !v.Field(i).IsZero()
			noteFields(v.Field(i), set)
		}
	}
}

// sameJSON compares two raw values but for their white space.
func sameJSON(a, b events.JSON) bool {
	compact := func(v events.JSON) string {
		var out bytes.Buffer
		if len(v) > 0 && json.Compact(&out, v) != nil {
			return "not JSON: " + string(v)
		}
		return out.String()
	}
	return (len(a) == 0) == (len(b) == 0) && compact(a) == compact(b)
}

func keepingPrivate(t *testing.T, name string) *events.Event {
	t.Helper()
	in := intake()
	in.KeepPrivateMetadata = true
	e, _ := events.New(in, sample(t, name))
	return &e
}

// member is what encoding/json finds at a path below data of a sample: an independent reading of the same bytes.
func member(t *testing.T, name string, path ...string) events.JSON {
	t.Helper()
	raw := json.RawMessage(sample(t, name))
	for _, step := range append([]string{"data"}, path...) {
		var object map[string]json.RawMessage
		if err := json.Unmarshal(raw, &object); err != nil {
			t.Fatal(err)
		}
		if raw = object[step]; raw == nil {
			t.Fatalf("%s has no %s", name, step)
		}
	}
	return events.JSON(raw)
}

// TestRawListsAreTheBytesOfTheBody: who stores a list stores what Clerk sent, not what we made of it.
func TestRawListsAreTheBytesOfTheBody(t *testing.T) {
	t.Parallel()
	e := take(t, "user.updated.primary-not-first")
	u, err := events.Payload[events.User](&e)
	if err != nil {
		t.Fatal(err)
	}
	for name, raw := range map[string]events.JSON{
		"email_addresses": u.EmailAddresses.Raw, "phone_numbers": u.PhoneNumbers.Raw, "external_accounts": u.ExternalAccounts.Raw,
		"enterprise_accounts": u.EnterpriseAccounts.Raw, "public_metadata": u.PublicMetadata, "passkeys": u.Passkeys,
	} {
		if want := member(t, "user.updated.primary-not-first", name); !bytes.Equal(raw, want) {
			t.Errorf("%s is\n%s\nwant\n%s", name, raw, want)
		}
	}
}

func TestAServiceReadsIntoItsOwnStruct(t *testing.T) {
	t.Parallel()
	e := take(t, "user.created.unknown-fields")
	own, err := events.Payload[struct {
		Next struct{ Nested []any } `json:"a_field_of_next_year"`
	}](&e)
	if err != nil || len(own.Next.Nested) != 0 {
		t.Fatalf("%v: names are matched exactly, and this one is not tagged: %+v", err, own)
	}
	tagged, err := events.Payload[struct {
		Next struct {
			Nested []any `json:"nested"`
		} `json:"a_field_of_next_year"`
	}](&e)
	if err != nil || len(tagged.Next.Nested) != 3 {
		t.Errorf("%v: %+v", err, tagged)
	}
}
