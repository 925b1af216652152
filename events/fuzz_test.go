package events_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/clerkstream/clerkstream/events"
)

func addSamples(f *testing.F, add func(body []byte)) {
	f.Helper()
	for _, name := range sampleNames(f) {
		add(sample(f, name))
	}
}

// FuzzEvent: no body makes New, Header, FromMessage or a payload panic; the same body gives the same event; the stream changes nothing.
func FuzzEvent(f *testing.F) {
	addSamples(f, func(body []byte) { f.Add(sampleID, body) })
	f.Fuzz(func(t *testing.T, id string, body []byte) {
		in := intake()
		in.ID = id
		signed := bytes.Clone(body)
		e, instance := events.New(in, body)
		if again, same := events.New(in, body); !reflect.DeepEqual(e, again) || instance != same {
			t.Fatalf("two events of one body:\n%+v\n%+v", e, again)
		}
		if !bytes.Equal(body, signed) {
			t.Fatal("the caller's bytes were written to")
		}
		for name, read := range readers {
			if _, err := read(&e); err != nil && (len(err.Error()) > 1000 || !strings.Contains(err.Error(), e.ID)) {
				t.Errorf("%s: %v", name, err)
			}
		}
		e.ClockAhead()
		if id == "" {
			return
		}
		got, err := events.FromMessage(e.Subject(), overTheWire(t, e.Header()), e.Body)
		if err != nil || !reflect.DeepEqual(e, got) {
			t.Fatalf("%v\nbefore the stream %+v\nafter it %+v", err, e, got)
		}
		if e.Unrouted == "" {
			// A reader that computes the version itself comes to the same: blanking takes nothing away that orders.
			got, err = events.FromMessage(e.Subject(), map[string][]string{events.HeaderID: e.Header()[events.HeaderID]}, e.Body)
			if err != nil || got.Version != e.Version {
				t.Fatalf("%v: version %s, computed again from the blanked body %s", err, e.Version, got.Version)
			}
		}
	})
}

// FuzzSubject: no type and no id give a subject of other tokens than theirs.
func FuzzSubject(f *testing.F) {
	for _, pair := range [][2]string{
		{"user.updated", "user_3B"}, {"user.updated", "a.b"}, {"user.>", "*"}, {"unrouted.x", "y"}, {"a.b.c", "d"}, {"", ""},
		{"user.updated\r\nPUB x 1", "user_1"}, {"usér.updated", "user 1"}, {"user.updated", strings.Repeat("x", 256)},
	} {
		f.Add(pair[0], pair[1])
	}
	f.Fuzz(func(t *testing.T, typ, id string) {
		body, err := json.Marshal(map[string]any{"type": typ, "data": map[string]any{"id": id}})
		if err != nil {
			t.Fatal(err)
		}
		e := takeBody(body)
		tokens := strings.Split(e.Subject(), ".")
		if e.Unrouted != "" {
			if !slices.Equal(tokens, []string{"clerk", "prod", "unrouted", idHash}) || !events.IsUnroutedSubject(e.Subject()) {
				t.Fatalf("type %q, id %q: %s", typ, id, e.Subject())
			}
			return
		}
		object, verb, _ := strings.Cut(typ, ".")
		if !slices.Equal(tokens, []string{"clerk", "prod", object, id, verb}) {
			t.Fatalf("type %q, id %q: %s", typ, id, e.Subject())
		}
		if s, err := events.ParseSubject(e.Subject()); err != nil || s != (events.Subject{Instance: "prod", Object: object, EntityID: id, Verb: verb}) {
			t.Fatalf("%s parses to %+v (%v)", e.Subject(), s, err)
		}
	})
}

// FuzzParse: what parses is what was written, for subjects and versions.
func FuzzParse(f *testing.F) {
	f.Add("clerk.prod.user.user_1.updated")
	f.Add("clerk.prod.unrouted." + idHash)
	f.Add("0000.0.001788256800000.001788256800025.02.msg_1")
	f.Add("0000.1.999999999999999.000000000000000.99.")
	f.Fuzz(func(t *testing.T, text string) {
		if s, err := events.ParseSubject(text); err == nil {
			if s.String() != text || events.IsUnroutedSubject(text) {
				t.Fatalf("subject %q is read as %q", text, s)
			}
			for token := range strings.SplitSeq(text, ".") {
				if !events.IsToken(token) {
					t.Fatalf("subject %q has the token %q", text, token)
				}
			}
		}
		if p, err := events.Version(text).Parse(); err == nil && string(p.Version()) != text {
			t.Fatalf("version %q is read as %q", text, p.Version())
		}
	})
}

// FuzzRedact compares with encoding/json: every byte outside a credential is the byte that was signed, nothing that is a credential
// is left, and valid JSON stays valid.
func FuzzRedact(f *testing.F) {
	addSamples(f, func(body []byte) {
		f.Add(body, false)
		f.Add(body, true)
	})
	f.Add([]byte("{\"type\":\"user.updated\",\"data\":{\"id\":\"u_1\",\"\xff\xfe\":{\"otp_code\":1}}}"), false)
	f.Add([]byte("{\"type\":\"user.updated\",\"data\":{\"id\":\"u_1\",\"\\ud800\":{\"otp_code\":1\t}}}"), false)
	f.Fuzz(func(t *testing.T, body []byte, keepPrivate bool) { checkRedaction(t, body, keepPrivate) })
}

// oddTexts are close to the edge of what is JSON, on either side.
var oddTexts = []string{
	"", " ", "\t\r\n", "\ufeff{}", "\x00", "{}\x00", "[]\x0c", "\u00a0[]", "{", "}", "[", "]", `"`, `"\`, `"\"`, `"\u`, `"\u00`, `"\u004"`, `"\u00g0"`, `"\uD800"`, `"\uD800\u"`, `"\x"`,
	`"\'"`, `'x'`, "\"\t\"", "\"\x1f\"", "\"\x7f\"", "\"\x00\"", "\"\n\"", "\"\xff\"", "\"\xed\xa0\x80\"", "\"\u2028\"", `"12345678901234567890`, "\"1234567890\x01\"", `"1234567\"`, `"12345678\"`,
	"0", "-0", "00", "01", "-01", "-", "--1", "+1", ".5", "1.", "1.e1", "1e", "1e+", "1e-x", "1E5", "1e05", "0e0", "0x1", "1_0", "1 2", "NaN", "Infinity", "-Infinity", "1e400000",
	"nul", "null", "nullx", "NULL", "tru", "truefalse", "fals", "undefined", "[1,]", "[,1]", "[,]", "[1 2]", "[1,,2]", "[}", `{"a":1,}`, `{,}`, `{"a"}`, `{"a":}`, `{"a" 1}`, `{"a"::1}`, `{a:1}`, `{1:1}`,
	`{null:1}`, `{"a":1 "b":2}`, `{"a":1}}`, `{"a":1]`, `{}{}`, "[]]", "[] []", "// x\n1", "/**/1", `{"a":01}`, `["\ud83d\ude00"]`, "{\"a\":\"\x08\"}", "[1\x0b]",
}

// FuzzText: what is taken for JSON is what encoding/json takes for it, alone, in an event and before a payload.
func FuzzText(f *testing.F) {
	addSamples(f, func(body []byte) { f.Add(body) })
	for _, text := range oddTexts {
		f.Add([]byte(text))
	}
	for _, levels := range []int{9_998, 9_999, 10_000, 10_001} {
		f.Add([]byte(strings.Repeat("[", levels) + strings.Repeat("]", levels)))
		f.Add([]byte(`["\"[[",` + strings.Repeat(`{"]":`, levels) + "0" + strings.Repeat("}", levels) + "," + strings.Repeat("[],", levels) + "[]]"))
		f.Add([]byte(strings.Repeat("[", levels)))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		inside := slices.Concat([]byte(`{"type":"user.updated","data":{"id":"user_1","public_metadata":`), text, []byte("}}"))
		for _, body := range [][]byte{text, inside} {
			e := takeBody(body)
			valid := json.Valid(body)
			if valid == (e.Unrouted == events.ReasonNotJSON) {
				t.Fatalf("encoding/json says valid %t, we say %q", valid, e.Unrouted)
			}
			e.Body = body
			if _, err := events.Payload[json.RawMessage](&e); !valid && err == nil {
				t.Fatalf("there is a payload in %q", body)
			}
		}
	})
}

// FuzzPayload holds payloads to encoding/json: they take the same bodies and read them alike. Bodies with a name that is not in lower case are left
// out, for encoding/json would take it for ours.
func FuzzPayload(f *testing.F) {
	addSamples(f, func(body []byte) { f.Add(body) })
	for _, data := range append(oddTexts,
		`{"id":"a","id":"b","verification":null}`, `{"email_addresses":[{"verification":{"status":"verified"},"verification":{}}]}`,
		`{"first_name":"\ud800\u0000\u00e9"}`, "{\"first_name\":\"a\xff\xed\xa0\x80\\u00e9\",\"first_\xffname\":1,\"public_metadata\":\"\xff\"}", `{"first_\u006eame":"x"}`,
		`{"members_count":1e2}`, `{"members_count":9223372036854775808}`, `{"banned":null}`, `{"public_metadata":  {"a" : 1} }`,
		`{"created_at":"1788256800","updated_at":1.5e3}`,
	) {
		f.Add([]byte(`{"type":"user.updated","data":` + data + `}`))
		f.Add([]byte(`{"type":"user.updated","data":{"x":` + data + `}}`))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if json.Valid(body) && slices.ContainsFunc(spansOf(t, body), func(s span) bool { return strings.ToLower(strings.ToUpper(s.name)) != s.name }) {
			t.Skip("a name that is not in lower case")
		}
		e := events.Event{ID: "msg_1", Object: "user", Type: "user.updated", Body: body}
		sameAsExact[events.User](t, &e)
		sameAsExact[events.Organization](t, &e)
		sameAsExact[events.OrganizationMembership](t, &e)
		sameAsExact[events.OrganizationInvitation](t, &e)
		sameAsExact[events.OrganizationDomain](t, &e)
		sameAsExact[events.Role](t, &e)
		sameAsExact[events.SubscriptionItem](t, &e)
		sameAsExact[events.PaymentAttempt](t, &e)
		// What lists are made of.
		sameAsExact[events.EmailAddress](t, &e)
		sameAsExact[events.ExternalAccount](t, &e)
		sameAsExact[[]events.EnterpriseAccount](t, &e)
	})
}

func sameAsExact[T any](t *testing.T, e *events.Event) {
	t.Helper()
	got, err := events.Payload[T](e)
	exact, exactErr := events.ExactPayload[T](e)
	if (err == nil) != (exactErr == nil) {
		t.Fatalf("%T: %v, exactly %v", got, err, exactErr)
	}
	if err == nil && !reflect.DeepEqual(got, exact) {
		t.Fatalf("%T: %+v, exactly %+v", got, got, exact)
	}
}
