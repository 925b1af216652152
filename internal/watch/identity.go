package watch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/clerkstream/clerkstream/internal/clerkapi"
)

// ErrOtherInstance says that the secret key opens another Clerk instance than the one whose events are on the stream. To go on would mix two
// environments, and take every person of one for missing in the other.
var ErrOtherInstance = errors.New("the secret key is of another Clerk instance")

// errUnpinned says that nobody can tell whether the key is of the stream's instance. With a wrong one every row would be confirmed to be gone, and a
// deletion is for good.
var errUnpinned = errors.New("set CLERK_INSTANCE_ID (ins_…) to the instance whose webhooks come here")

// lookBack is how many of the newest messages are read to find one that names its Clerk instance; old payloads do not.
const lookBack = 50

// identify asks Clerk whose key it is, before anything is walked, and holds the answer against what is pinned, or else against the stream. It returns
// Clerk's id of the instance.
func identify(ctx context.Context, api *clerkapi.Client, stream jetstream.Stream, c Config) (string, error) {
	is, err := api.Instance(ctx)
	switch {
	case errors.Is(err, clerkapi.ErrUnauthorized):
		return "", fmt.Errorf("clerk at %s does not accept the key in %s: see that it is the secret key (not the publishable one), that it was not "+
			"deleted or rotated, and that it is whole; nothing was read: %w", c.APIURL, c.SecretKeyName, err)
	case err != nil:
		return "", fmt.Errorf("ask clerk whose key it is: %w", err)
	}
	want, from, empty := c.ClerkInstance, "CLERK_INSTANCE_ID pins", false
	if want == "" {
		if want, empty, err = streamInstance(ctx, stream); err != nil {
			return "", err
		}
		from = "the newest messages of " + stream.CachedInfo().Config.Name + " are of"
	}
	switch {
	case want == "" && !empty:
		return "", fmt.Errorf("the key in %s is of %s, and the newest %d messages of %s name no instance; nothing was read: %w",
			c.SecretKeyName, is.ID, lookBack, stream.CachedInfo().Config.Name, errUnpinned)
	case want == "":
		c.Log.WarnContext(ctx, "nothing is on the stream, so the key is believed: pin it with CLERK_INSTANCE_ID", "clerk_instance", is.ID)
	case want != is.ID:
		return "", fmt.Errorf("%w: the key in %s is of %s, and %s %s; nothing was read", ErrOtherInstance, c.SecretKeyName, is.ID, from, want)
	}
	return is.ID, nil
}

// streamInstance is the Clerk instance that the newest message with one names, and "" where there is none. empty says that there never was a message.
func streamInstance(ctx context.Context, stream jetstream.Stream) (id string, empty bool, err error) {
	info, err := stream.Info(ctx)
	if err != nil {
		return "", false, fmt.Errorf("read stream: %w", err)
	}
	for n, sequence := 0, info.State.LastSeq; n < lookBack && sequence >= max(info.State.FirstSeq, 1); n, sequence = n+1, sequence-1 {
		m, err := stream.GetMsg(ctx, sequence)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			continue // erased
		}
		if err != nil {
			return "", false, fmt.Errorf("read message %d: %w", sequence, err)
		}
		var body struct {
			InstanceID string `json:"instance_id"`
		}
		if json.Unmarshal(m.Data, &body) == nil && body.InstanceID != "" {
			return body.InstanceID, false, nil
		}
	}
	return "", info.State.LastSeq == 0, nil
}
