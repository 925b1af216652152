package checkup

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/clerkstream/clerkstream/internal/clerkapi"
)

// apiInstance tries the key as the watch would, for as long as a check may take: what passes within that time is no line's business.
func (s *site) apiInstance(ctx context.Context) Line {
	if s.SecretKey == "" {
		return skipped("", "no API key is given")
	}
	client, err := clerkapi.New(clerkapi.Config{URL: s.APIURL, SecretKey: s.SecretKey, Budget: clerkapi.NewBudget(askedOfClerk, 10*time.Second), HTTP: s.HTTP})
	if err != nil {
		return failure("mend CLERK_SECRET_KEY and CLERK_API_URL", "%s", short(err))
	}
	defer client.Close()
	asking, cancel := context.WithTimeout(ctx, s.Within*3/4) // the rest is for the stream
	defer cancel()
	instance, err := client.Instance(asking)
	var answer *clerkapi.Error
	switch {
	case err == nil:
		return s.rightInstance(ctx, instance)
	case errors.Is(err, clerkapi.ErrUnauthorized):
		return failure(whereKey+"; it may have been rolled, or be of an instance that is gone", "Clerk refuses the key")
	case errors.As(err, &answer) && answer.Status == http.StatusTooManyRequests:
		return warning("wait ten seconds; lower CLERK_BUDGET if something else uses the same instance's budget", "Clerk's limit is used up (429)")
	case errors.As(err, &answer) && answer.Status >= http.StatusInternalServerError:
		return warning("see https://status.clerk.com; the watch waits and goes on", "Clerk is in trouble (%d)", answer.Status)
	case errors.Is(err, clerkapi.ErrShape), errors.As(err, &answer):
		return failure("set CLERK_API_URL to https://api.clerk.com", "what answers at CLERK_API_URL is not Clerk's Backend API")
	}
	return failure("check the way out of this machine, CLERK_API_URL, and https://status.clerk.com", "Clerk does not answer")
}

// askedOfClerk is far below any instance's limit.
const askedOfClerk = 10

func (s *site) rightInstance(ctx context.Context, key clerkapi.Instance) Line {
	const next = "use the secret key and the endpoint of one and the same instance; nothing may be walked with this key"
	if s.ClerkID != "" && s.ClerkID != key.ID {
		return failure(next, "the key opens %s, and CLERK_INSTANCE_ID is %s", key.ID, s.ClerkID)
	}
	form := environmentOf(s.SecretKey)
	if form == "production" && key.Environment == "development" || form == "development" && key.Environment == "production" {
		return warning("check that CLERK_API_URL is Clerk's", "the key has the form of a %s instance, and %s calls itself %s", form, key.ID, key.Environment)
	}
	name := fmt.Sprintf("%s (%s)", key.ID, key.Environment)
	streams, known := s.streamInstance(ctx)
	switch {
	case known && streams != key.ID:
		return failure(next, "the key opens %s, and the newest webhook on the stream is of %s", key.ID, streams)
	case s.ClerkID == "" && !known:
		return warning("set CLERK_INSTANCE_ID="+key.ID+" if that is the instance whose webhooks come here", "the key opens %s; the stream does not tell whether that is its instance", name)
	case s.ClerkID == "":
		return fine("the key opens %s, as the newest webhook says", name)
	}
	return fine("the key opens %s, as CLERK_INSTANCE_ID says", name)
}

// streamInstance is the instance that the newest messages name. The id is all that is read of them.
func (s *site) streamInstance(ctx context.Context) (id string, known bool) {
	stream, info, _, err := s.look(ctx)
	if err != nil || info == nil {
		return "", false
	}
	// Unrouted messages and those of old endpoints name none.
	const tries = 20
	for n := range uint64(tries) {
		if info.State.LastSeq < info.State.FirstSeq+n || info.State.LastSeq == 0 {
			break
		}
		if id := instanceOf(ctx, stream, info.State.LastSeq-n); id != "" {
			return id, true
		}
	}
	return "", false
}

func instanceOf(ctx context.Context, stream jetstream.Stream, sequence uint64) string {
	m, err := stream.GetMsg(ctx, sequence)
	if err != nil {
		return ""
	}
	var body struct {
		InstanceID string `json:"instance_id"`
	}
	if json.Unmarshal(m.Data, &body) != nil {
		return ""
	}
	return body.InstanceID
}
