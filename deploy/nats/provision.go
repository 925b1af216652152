package broker

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/nats-io/nats.go/jetstream"
)

// ErrCannotMend is returned for a stream that no update makes ours.
var ErrCannotMend = errors.New("stream cannot be mended")

// Outcome says what Provision did.
type Outcome string

// Outcomes of Provision.
const (
	Created   Outcome = "created"
	Updated   Outcome = "updated"
	Unchanged Outcome = "unchanged"
)

// Provision makes the stream of an instance as stream.json and s want it. It may
// be run at any time, also twice at once: each change is one request, which the
// server applies wholly or not at all.
//
// It never deletes, purges or recreates: what an update cannot reach is an error
// that wraps ErrCannotMend and says why, and the stream is left as it was. What
// stream.json has no opinion on (placement, metadata, republish) stays.
// It needs the rights of UserOperator.
func Provision(ctx context.Context, js jetstream.JetStream, instance string, s Settings) (Outcome, error) {
	want, err := StreamConfig(instance, s)
	if err != nil {
		return "", err
	}
	stream, err := js.Stream(ctx, want.Name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return create(ctx, js, want, instance)
	}
	if err != nil {
		return "", fmt.Errorf("look up stream %s: %w", want.Name, err)
	}
	return update(ctx, js, stream.CachedInfo(), instance, s)
}

func create(ctx context.Context, js jetstream.JetStream, want jetstream.StreamConfig, instance string) (Outcome, error) {
	// Creating what exists with the same settings succeeds, so two at once are fine.
	stream, err := js.CreateStream(ctx, want)
	if err != nil {
		return "", fmt.Errorf("create stream %s: %w", want.Name, err)
	}
	// An older server drops settings that it does not know.
	return Created, Check(stream.CachedInfo(), instance)
}

func update(ctx context.Context, js jetstream.JetStream, info *jetstream.StreamInfo, instance string, s Settings) (Outcome, error) {
	next, changed, err := mended(info, instance, s)
	if err != nil {
		return "", err
	}
	if !changed {
		return Unchanged, nil
	}
	stream, err := js.UpdateStream(ctx, next)
	if err != nil {
		return "", fmt.Errorf("update stream %s: %w", next.Name, err)
	}
	return Updated, Check(stream.CachedInfo(), instance)
}

// mended is the running configuration with our settings over it.
func mended(info *jetstream.StreamInfo, instance string, s Settings) (next jetstream.StreamConfig, changed bool, err error) {
	want, err := StreamConfig(instance, s)
	if err != nil {
		return next, false, err
	}
	next = info.Config
	var stuck []string
	for _, set := range settings() {
		switch {
		case !set.differs(&want, &next):
		case set.fixed != "":
			stuck = append(stuck, Difference{
				Setting: set.name, Want: show(set.get(&want)), Have: show(set.get(&next)), Fixed: set.fixed,
			}.String())
		default:
			set.set(&next, &want)
			changed = true
		}
	}
	if len(stuck) > 0 {
		return next, false, fmt.Errorf("%w: %s: %s", ErrCannotMend, next.Name, strings.Join(stuck, "; "))
	}
	before := next
	s.apply(&next)
	if !replicasAllowed(next.Replicas) {
		next.Replicas = want.Replicas
	}
	changed = changed || next.Replicas != before.Replicas || next.Duplicates != before.Duplicates
	return next, changed, nil
}
