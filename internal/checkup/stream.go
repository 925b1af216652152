package checkup

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	broker "github.com/clerkstream/clerkstream/deploy/nats"
)

// Stream is what the broker tells of an instance's stream.
type Stream struct {
	Name          string    `json:"name"`
	Messages      uint64    `json:"messages"`
	Bytes         uint64    `json:"bytes"`
	FirstSequence uint64    `json:"first_sequence"`
	LastSequence  uint64    `json:"last_sequence"`
	LastAt        time.Time `json:"last_at,omitzero"`
	CreatedAt     time.Time `json:"created_at"`
	Replicas      int       `json:"replicas"`
	Storage       string    `json:"storage"`
	Fsync         string    `json:"fsync"`
}

// look finds the stream; the information is nil, with no error, where there is none.
func (s *site) look(ctx context.Context) (jetstream.Stream, *jetstream.StreamInfo, *link, error) {
	l, err := s.link()
	if err != nil {
		return nil, nil, nil, err
	}
	stream, err := l.js.Stream(ctx, broker.StreamName(s.Instance))
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil, nil, l, nil
	}
	if err != nil {
		return nil, nil, l, err
	}
	return stream, stream.CachedInfo(), l, nil
}

// streamTrouble is the line of a check that wanted the stream, and whether there is one to give.
func (s *site) streamTrouble(info *jetstream.StreamInfo, l *link, err error) (Line, bool) {
	switch {
	case err != nil && l == nil:
		return s.noBroker(err), true
	case err != nil:
		return failure("run it with NATS_URL of a user that may read the stream's information: watch, projector or operator", "the broker does not tell of %s: %s", broker.StreamName(s.Instance), l.why(err)), true
	case info == nil:
		return failure("run clerkstream provision, or mend CLERK_INSTANCE", "%s does not exist", broker.StreamName(s.Instance)), true
	}
	return Line{}, false
}

func (s *site) streamSettings(ctx context.Context) Line {
	_, info, l, err := s.look(ctx)
	if line, stop := s.streamTrouble(info, l, err); stop {
		return line
	}
	all, err := broker.Differences(info, s.Instance)
	if err != nil {
		return failure("mend CLERK_INSTANCE", "%s", short(err))
	}
	var broken, chosen []string
	next := "run clerkstream provision"
	for _, d := range all {
		switch {
		case d.Promised:
			broken = append(broken, d.String())
			if d.Fixed != "" {
				next = "clerkstream provision cannot mend that: docs/operations.md, stream settings"
			}
		default:
			chosen = append(chosen, d.String())
		}
	}
	switch {
	case len(broken) > 0:
		return failure(next, "%s: %s", info.Config.Name, strings.Join(broken, "; "))
	case len(chosen) > 0:
		return fine("%s holds %s; chosen here: %s", info.Config.Name, counted(info.State.Msgs, "message"), strings.Join(chosen, "; "))
	}
	return fine("%s holds %s", info.Config.Name, counted(info.State.Msgs, "message"))
}

func (s *site) durability(ctx context.Context) Line {
	_, info, l, err := s.look(ctx)
	if line, stop := s.streamTrouble(info, l, err); stop {
		return skipped("", "%s", line.Seen)
	}
	d, err := broker.DurabilityOf(ctx, l.js, info.Config.Name, s.MonitorURLs, s.HTTP)
	if err != nil {
		return failure("look at the log of the broker", "%s", l.why(err))
	}
	copies := map[int]string{1: "1 copy"}[d.Replicas]
	if copies == "" {
		copies = counted(d.Replicas, "copie")
	}
	switch {
	case d.Fsync == broker.FsyncNever:
		return failure("make the stream anew with file storage: a restart of the broker loses it", "%s in memory", copies)
	case d.Fsync == broker.FsyncAlways:
		return fine("%s in files, on the disk before the acknowledgement", copies)
	case d.Fsync == broker.FsyncUnknown && len(s.MonitorURLs) == 0:
		return warning("set NATS_MONITOR_URL to the monitoring endpoints of all servers (http://host:8222)", "%s in files; nobody told when they reach the disk", copies)
	case d.Fsync == broker.FsyncUnknown:
		return warning("mend NATS_MONITOR_URL: it has to name every server that holds the stream", "%s in files; unknown when they reach the disk of %s: %s", copies, strings.Join(d.Unknown, ", "), strings.Join(d.Problems, "; "))
	default:
		return warning("say sync_interval: always in server.conf; ingest refuses to be ready without it where REQUIRE_FSYNC is set",
			"%s in files, on the disk up to %s after the acknowledgement: a power cut loses what was acknowledged since", copies, span(d.SyncInterval))
	}
}

// brokerError says why the stream could not be described.
type brokerError string

func (e brokerError) Error() string { return string(e) }

// described is the stream for a survey.
func (s *site) described(ctx context.Context) (*Stream, error) {
	_, info, l, err := s.look(ctx)
	if errors.Is(err, errNotConfigured) {
		return nil, err
	}
	if line, stop := s.streamTrouble(info, l, err); stop {
		return nil, brokerError(line.Seen)
	}
	found := &Stream{
		Name: info.Config.Name, Messages: info.State.Msgs, Bytes: info.State.Bytes, FirstSequence: info.State.FirstSeq, LastSequence: info.State.LastSeq,
		CreatedAt: info.Created, Replicas: info.Config.Replicas, Storage: info.Config.Storage.String(), Fsync: string(broker.FsyncUnknown),
	}
	if info.State.LastSeq > 0 {
		found.LastAt = info.State.LastTime
	}
	if d, err := broker.DurabilityOf(ctx, l.js, info.Config.Name, s.MonitorURLs, s.HTTP); err == nil {
		found.Storage, found.Fsync = d.Storage, string(d.Fsync)
	}
	return found, nil
}
