package events_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/protocol/nats_jetstream/v2"
	"github.com/cloudevents/sdk-go/v2/binding"
	"github.com/nats-io/nats.go"

	"github.com/clerkstream/clerkstream/events"
)

// TestTheCloudEventsSDKReadsEveryEvent uses the official SDK as a stranger would: it knows CloudEvents and NATS and nothing of us.
func TestTheCloudEventsSDKReadsEveryEvent(t *testing.T) {
	t.Parallel()
	for _, name := range sampleNames(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := take(t, name)
			msg := &nats.Msg{Subject: e.Subject(), Header: overTheWire(t, e.Header()), Data: e.Body}
			message := nats_jetstream.NewMessage(msg)
			if got := message.ReadEncoding(); got != binding.EncodingBinary {
				t.Fatalf("encoding %v, want binary", got)
			}
			ce, err := binding.ToEvent(t.Context(), message)
			if err != nil {
				t.Fatal(err)
			}
			if err := ce.Validate(); err != nil {
				t.Fatalf("not a valid CloudEvent: %v", err)
			}
			wantType, wantContent := e.Type, "application/json"
			if e.Type == "" {
				wantType = "unrouted"
			}
			if e.Unrouted == events.ReasonNotJSON {
				wantContent = "application/octet-stream"
			}
			for field, pair := range map[string][2]string{
				"specversion":     {ce.SpecVersion(), "1.0"},
				"id":              {ce.ID(), sampleID},
				"source":          {ce.Source(), "/clerk/prod"},
				"type":            {ce.Type(), wantType},
				"subject":         {ce.Subject(), e.EntityID},
				"datacontenttype": {ce.DataContentType(), wantContent},
			} {
				if pair[0] != pair[1] {
					t.Errorf("%s %q, want %q", field, pair[0], pair[1])
				}
			}
			if !ce.Time().Equal(e.Time) && !(e.Time.IsZero() && ce.Time().IsZero()) {
				t.Errorf("time %s, want %s", ce.Time().Format(time.RFC3339Nano), e.Time.Format(time.RFC3339Nano))
			}
			if !bytes.Equal(ce.Data(), e.Body) {
				t.Error("the data is not the body")
			}
			if len(ce.Extensions()) > 0 {
				t.Errorf("extensions %v", ce.Extensions())
			}
		})
	}
}
