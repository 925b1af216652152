package events_test

import (
	"errors"
	"fmt"
	"time"

	"github.com/clerkstream/clerkstream/events"
)

// body is a webhook as Clerk posts it.
const body = `{"type":"user.updated","timestamp":1788429600005,"instance_id":"ins_1","data":{"id":"user_ada","first_name":"Ada",
	"primary_email_address_id":"idn_2","email_addresses":[
		{"id":"idn_1","email_address":"old@birchwood.example"},
		{"id":"idn_2","email_address":"ada@birchwood.example","verification":{"status":"verified","strategy":"email_code"}}],
	"private_metadata":{"risk_score":7},"updated_at":1788429600000}}`

// asReceived is what is known of a delivery before its body is read.
var asReceived = events.Intake{
	ID: "msg_1", Instance: "prod", Source: events.SourceWebhook, Received: time.Date(2026, 9, 3, 10, 0, 0, 0, time.UTC),
}

// A verified body becomes an event: what it is about, where it belongs on the stream, and what it must not carry.
func ExampleNew() {
	e, clerkInstance := events.New(asReceived, []byte(body))
	fmt.Println(e.Subject())
	fmt.Println(clerkInstance, e.MessageID(), e.Version)
	fmt.Println("blanked:", e.Blanked)
	// Output:
	// clerk.prod.user.user_ada.updated
	// ins_1 prod:msg_1 0000.0.001788429600000.001788429600005.02.msg_1
	// blanked: [/data/private_metadata]
}

// What a subscriber of any NATS client gets is turned back into the event.
func ExampleFromMessage() {
	e, _ := events.New(asReceived, []byte(body))
	subject, header := e.Subject(), e.Header()

	back, err := events.FromMessage(subject, header, e.Body)
	fmt.Println(back.Type, back.EntityID, back.Time.Format(time.RFC3339Nano), err)
	// Output: user.updated user_ada 2026-09-03T10:00:00.005Z <nil>
}

// Payload reads the data of an event whose type is known.
func ExamplePayload() {
	e, _ := events.New(asReceived, []byte(body))
	user, err := events.Payload[events.User](&e)
	if wrong := (*events.PayloadError)(nil); errors.As(err, &wrong) {
		fmt.Println(wrong.EventID, "has another shape")
		return
	}
	// The primary address is the one that is named, not the first.
	fmt.Println(user.FirstName, user.PrimaryEmail().EmailAddress, user.PrimaryEmail().Verification.Verified())
	// Output: Ada ada@birchwood.example true
}

// A service may read its own struct: the fields that it wants, and nothing else.
func ExamplePayload_own() {
	e, _ := events.New(asReceived, []byte(body))
	user, err := events.Payload[struct {
		FirstName string `json:"first_name"`
	}](&e)
	fmt.Println(user.FirstName, err)
	// Output: Ada <nil>
}

// Typed finds the struct of an event's type. An event of a type that the catalogue does not have is no error of the event.
func ExampleTyped() {
	e, _ := events.New(asReceived, []byte(body))
	typed, err := events.Typed(&e)
	if errors.Is(err, events.ErrUnknownType) {
		return // Clerk adds types without notice
	}
	switch e := typed.(type) {
	case *events.UserUpdated:
		fmt.Println("now called", e.Data.FirstName)
	case *events.UserDeleted:
		fmt.Println("gone:", e.Data.ID)
	}
	// Output: now called Ada
}

// Of two events about one entity the one with the greater version is the newer, in whatever order they came. A delete is final, whatever the clocks say.
func ExampleVersion() {
	at := func(t time.Time, deleted bool, id string) events.Version {
		return events.VersionParts{Deleted: deleted, Source: t.UnixMilli(), Observed: t.UnixMilli(), EventID: id}.Version()
	}
	monday := time.Date(2026, 9, 7, 9, 0, 0, 0, time.UTC)
	tuesday := monday.Add(24 * time.Hour)

	fmt.Println(at(tuesday, false, "msg_2") > at(monday, false, "msg_1"))
	fmt.Println(at(monday, true, "msg_3") > at(tuesday, false, "msg_2"))
	// Output:
	// true
	// true
}
