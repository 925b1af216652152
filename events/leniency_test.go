package events_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/clerkstream/clerkstream/events"
)

// readers reads data as each of the payload types.
var readers = map[string]func(*events.Event) (any, error){
	"User":                   func(e *events.Event) (any, error) { return events.Payload[events.User](e) },
	"Organization":           func(e *events.Event) (any, error) { return events.Payload[events.Organization](e) },
	"OrganizationMembership": func(e *events.Event) (any, error) { return events.Payload[events.OrganizationMembership](e) },
	"OrganizationInvitation": func(e *events.Event) (any, error) { return events.Payload[events.OrganizationInvitation](e) },
	"OrganizationDomain":     func(e *events.Event) (any, error) { return events.Payload[events.OrganizationDomain](e) },
	"Role":                   func(e *events.Event) (any, error) { return events.Payload[events.Role](e) },
	"Permission":             func(e *events.Event) (any, error) { return events.Payload[events.Permission](e) },
	"Session":                func(e *events.Event) (any, error) { return events.Payload[events.Session](e) },
	"Email":                  func(e *events.Event) (any, error) { return events.Payload[events.Email](e) },
	"SMS":                    func(e *events.Event) (any, error) { return events.Payload[events.SMS](e) },
	"WaitlistEntry":          func(e *events.Event) (any, error) { return events.Payload[events.WaitlistEntry](e) },
	"Subscription":           func(e *events.Event) (any, error) { return events.Payload[events.Subscription](e) },
	"SubscriptionItem":       func(e *events.Event) (any, error) { return events.Payload[events.SubscriptionItem](e) },
	"PaymentAttempt":         func(e *events.Event) (any, error) { return events.Payload[events.PaymentAttempt](e) },
	"EnterpriseConnection":   func(e *events.Event) (any, error) { return events.Payload[events.EnterpriseConnection](e) },
}

// jsonNames lists the members that a payload type reads.
func jsonNames(typ reflect.Type) []string {
	var names []string
	for field := range typ.Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		names = append(names, name)
	}
	return names
}

// TestNullIsNothing: for every payload, a body of nulls, one without any member and one of members nobody knows read alike.
func TestNullIsNothing(t *testing.T) {
	t.Parallel()
	for name, read := range readers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			of := func(data string) any {
				// A verb that says nothing about a status.
				e := events.Event{ID: "msg_1", Object: "x", Body: []byte(`{"type":"x.y","data":` + data + `}`)}
				got, err := read(&e)
				if err != nil {
					t.Fatalf("%s: %v", data, err)
				}
				return got
			}
			empty := of(`{}`)
			if !reflect.ValueOf(empty).IsZero() {
				t.Errorf("an empty object reads as %+v", empty)
			}
			var nulls []string
			for _, name := range jsonNames(reflect.TypeOf(empty)) {
				nulls = append(nulls, fmt.Sprintf("%q:null", name))
			}
			for _, same := range []string{`null`, `{` + strings.Join(nulls, ",") + `}`, `{"of_next_year":{"a":[1,{"b":null}]},"ID":"x","Id":"y"}`} {
				if got := of(same); !reflect.DeepEqual(got, empty) {
					t.Errorf("%s reads as %+v", same, got)
				}
			}
		})
	}
}

// TestEveryCatalogueSampleDecodes reads each sample as its own payload.
func TestEveryCatalogueSampleDecodes(t *testing.T) {
	t.Parallel()
	for _, name := range sampleNames(t) {
		e := take(t, name)
		read := readers[strings.ToUpper(e.Object[:min(1, len(e.Object))])+e.Object[min(1, len(e.Object)):]]
		if e.Object == events.ObjectSMS {
			read = readers["SMS"]
		}
		if read == nil {
			if events.CarriesState(e.Object, e.Verb) {
				t.Errorf("%s carries state and has no payload", name)
			}
			continue
		}
		_, err := read(&e)
		if wrong := name == "user.updated.wrong-types"; wrong != (err != nil) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

const secret = "hush@birchwood.example"

// TestPayloadErrorsNameThePlaceAndNoValue: they end in logs and in dead_letters, and values are personal data.
func TestPayloadErrorsNameThePlaceAndNoValue(t *testing.T) {
	t.Parallel()
	for data, place := range map[string]string{
		`{"banned":"` + secret + `"}`:       "/data/banned",
		`{"first_name":["` + secret + `"]}`: "/data/first_name",
		`{"email_addresses":[{},{"email_address":{"` + secret + `":"` + secret + `"}}]}`: "/data/email_addresses/1/email_address",
		`{"email_addresses":{"0":"` + secret + `"}}`:                                     "/data/email_addresses",
		`{"email_addresses":"` + secret + `"}`:                                           "/data/email_addresses",
		`{"enterprise_accounts":[{"verification":{"status":7,"` + secret + `":0}}]}`:     "/data/enterprise_accounts/0/verification/status",
		`["` + secret + `"]`:                              "/data does",
		`"` + secret + `"`:                                "/data does",
		`{"unsafe_metadata":{"` + secret + `":tru}}`:      "syntax error at byte",
		`{"unsafe_metadata":{"` + secret + `":"` + secret: "unreadable",
		`{"unsafe_metadata":` + strings.Repeat(`{"`+secret+`":`, 10_001) + `0` + strings.Repeat(`}`, 10_001) + `}`: "syntax error at byte",
	} {
		e := events.Event{ID: "msg_7", Type: "user.updated", Body: []byte(`{"type":"user.updated","data":` + data + `}`)}
		if place == "unreadable" {
			e.Body, place = []byte(`{"type":"user.updated","data":`+data), "syntax error at byte"
		}
		_, err := events.Payload[events.User](&e)
		var perr *events.PayloadError
		if !errors.As(err, &perr) || perr.EventID != "msg_7" || perr.Type != "user.updated" {
			t.Errorf("%.60s: %v is no PayloadError of the event", data, err)
			continue
		}
		text := err.Error()
		if strings.Contains(text, "hush") || !strings.Contains(text, place) || !strings.Contains(text, "msg_7") || len(text) > 200 {
			t.Errorf("%.60s: %q, want one that names %q and no value", data, text, place)
		}
	}
	// The decoder's own error is kept for who must see it.
	e := takeBody([]byte(`{"type":"user.updated","data":{"id":"user_1","banned":1}}`))
	_, err := events.Payload[events.User](&e)
	if shape := new(json.UnmarshalTypeError); !errors.As(err, &shape) {
		t.Errorf("%v does not unwrap to the decoder's error", err)
	}
}

// TestALaterListReplacesAnEarlierOne: of two members with one name the last counts, whole, not merged.
func TestALaterListReplacesAnEarlierOne(t *testing.T) {
	t.Parallel()
	for second, want := range map[string]int{`[]`: 0, `null`: 0, `[{"id":"c"}]`: 1, `[ ]`: 0} {
		e := takeBody([]byte(`{"type":"user.updated","data":{"id":"user_1","email_addresses":[{"id":"a"},{"id":"b"}],"email_addresses":` + second + `}}`))
		u, err := events.Payload[events.User](&e)
		if err != nil || len(u.EmailAddresses.Items) != want || (len(u.EmailAddresses.Raw) > 0) != (want > 0) {
			t.Errorf("%s: %v, %+v", second, err, u.EmailAddresses)
		}
	}
}
