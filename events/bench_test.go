package events_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/clerkstream/clerkstream/events"
)

// compactUser is a user as Clerk sends one: 2.3 KB without white space.
func compactUser(b *testing.B) []byte {
	b.Helper()
	var body bytes.Buffer
	if err := json.Compact(&body, sample(b, "user.created.email-password")); err != nil {
		b.Fatal(err)
	}
	return body.Bytes()
}

func BenchmarkNew(b *testing.B) {
	body, in := compactUser(b), intake()
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		events.New(in, body)
	}
}

func BenchmarkHeader(b *testing.B) {
	e := takeBody(compactUser(b))
	b.ReportAllocs()
	for b.Loop() {
		e.Header()
	}
}

func BenchmarkFromMessage(b *testing.B) {
	e := takeBody(compactUser(b))
	subject, header := e.Subject(), e.Header()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := events.FromMessage(subject, header, e.Body); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPayloadUser(b *testing.B) {
	e := takeBody(compactUser(b))
	b.SetBytes(int64(len(e.Body)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := events.Payload[events.User](&e); err != nil {
			b.Fatal(err)
		}
	}
}
