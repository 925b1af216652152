package projectiontest

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/clerkstream/clerkstream/events"
)

// Data is what stands under "data" in a webhook's body. Its "id" is the entity's.
type Data = map[string]any

// Event makes the event that a webhook of this type would become. at is its moment, and that of created_at and updated_at where data has none; a delete
// has neither, as at Clerk. It panics on data that JSON cannot hold.
func Event(typ string, at time.Time, data Data) events.Event {
	full := Data{}
	if !strings.HasSuffix(typ, ".deleted") {
		full["created_at"], full["updated_at"] = at.UnixMilli(), at.UnixMilli()
	}
	maps.Copy(full, data)
	body, err := json.Marshal(map[string]any{"type": typ, "object": "event", "timestamp": at.UnixMilli(), "data": full})
	if err != nil {
		panic(fmt.Sprintf("projectiontest: data of %s: %v", typ, err))
	}
	return Webhook(body)
}

// Webhook makes the event that a body becomes which Clerk sent. The same body is the same event, as if Svix delivered it again.
func Webhook(body []byte) events.Event {
	sum := sha256.Sum256(body)
	e, _ := events.New(events.Intake{ID: "msg_" + hex.EncodeToString(sum[:6]), Instance: "test", Source: events.SourceWebhook}, body)
	// Received the moment it happened: an event made of a body is the same whenever the test runs.
	e.Received = e.Time
	return e
}
