package ingest

import (
	"errors"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/clerkstream/clerkstream/internal/appender"
)

// outcomeOf sorts an append's error by what the operator has to look at.
func outcomeOf(err error) outcome {
	var api *jetstream.APIError
	switch {
	case errors.Is(err, appender.ErrTooBusy), errors.Is(err, jetstream.ErrTooManyStalledMsgs):
		return tooBusy
	case errors.Is(err, appender.ErrAckLate), errors.Is(err, jetstream.ErrAsyncPublishTimeout):
		return ackLate
	case errors.As(err, &api), errors.Is(err, appender.ErrOtherStream), errors.Is(err, nats.ErrMaxPayload):
		return appendRefused
	case errors.Is(err, appender.ErrStopped):
		return notReady
	}
	return brokerUnavailable
}
