package broker

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/nats-io/nats.go/jetstream"
)

// States of a stream that nobody may append to or read from.
var (
	ErrStreamMissing = errors.New("stream missing")
	ErrStreamDiffers = errors.New("stream differs from stream.json")
)

// mend is the command that Check sends an operator to.
const mend = "clerkstream provision"

// Difference is one setting of a running stream that is not as wanted.
type Difference struct {
	Setting string // as in stream.json
	Want    string
	Have    string
	// Promised: a guarantee is broken by it, and Check refuses the stream. Others
	// are an installation's choice: replicas, duplicate window, compression.
	Promised bool
	// Fixed says why Provision cannot or will not change it; "" when it does.
	Fixed string
}

// String is one line for an operator.
func (d Difference) String() string {
	line := fmt.Sprintf("%s is %s, not %s", d.Setting, d.Have, d.Want)
	if d.Fixed != "" {
		line += " (" + d.Fixed + ")"
	}
	return line
}

// Check compares a running stream with stream.json in everything that guarantees
// depend on. The error wraps ErrStreamMissing (info is nil) or ErrStreamDiffers,
// lists every difference, and names the command that mends it. Replicas may be 1
// or 3, and the duplicate window and the compression anything: see Differences.
func Check(info *jetstream.StreamInfo, instance string) error {
	if info == nil {
		return fmt.Errorf("%w: %s: run %s", ErrStreamMissing, StreamName(instance), mend)
	}
	all, err := Differences(info, instance)
	if err != nil {
		return err
	}
	return refuse(info.Config.Name, promised(all))
}

// Differences lists how a running stream is unlike stream.json, also where that
// is allowed; what cannot be mended comes first.
func Differences(info *jetstream.StreamInfo, instance string) ([]Difference, error) {
	want, err := StreamConfig(instance, Settings{})
	if err != nil {
		return nil, err
	}
	have := info.Config
	var found []Difference
	for _, s := range settings() {
		if s.differs(&want, &have) {
			found = append(found, Difference{
				Setting: s.name, Want: show(s.get(&want)), Have: show(s.get(&have)),
				Promised: s.promised, Fixed: s.fixed,
			})
		}
	}
	if have.Replicas != want.Replicas {
		found = append(found, Difference{
			Setting: "num_replicas", Want: fmt.Sprint(want.Replicas), Have: fmt.Sprint(have.Replicas),
			Promised: !replicasAllowed(have.Replicas),
		})
	}
	if have.Duplicates != want.Duplicates {
		found = append(found, Difference{
			Setting: "duplicate_window", Want: want.Duplicates.String(), Have: have.Duplicates.String(),
		})
	}
	return found, nil
}

// Open looks the stream of an instance up and checks it. Errors as of Check, and
// those of the connection.
func Open(ctx context.Context, js jetstream.JetStream, instance string) (jetstream.Stream, error) {
	if !instanceForm.MatchString(instance) {
		return nil, fmt.Errorf("%w: %q", ErrInstanceName, instance)
	}
	stream, err := js.Stream(ctx, StreamName(instance))
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil, Check(nil, instance)
	}
	if err != nil {
		return nil, fmt.Errorf("look up stream %s: %w", StreamName(instance), err)
	}
	if err := Check(stream.CachedInfo(), instance); err != nil {
		return nil, err
	}
	return stream, nil
}

func promised(all []Difference) []Difference {
	var kept []Difference
	for _, d := range all {
		if d.Promised {
			kept = append(kept, d)
		}
	}
	return kept
}

func refuse(stream string, found []Difference) error {
	if len(found) == 0 {
		return nil
	}
	lines := make([]string, len(found))
	for i, d := range found {
		lines[i] = d.String()
	}
	return fmt.Errorf("%w: %s: %s: run %s", ErrStreamDiffers, stream, strings.Join(lines, "; "), mend)
}
