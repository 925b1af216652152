package broker

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Fsync says when an acknowledged append is on the disk of a server.
type Fsync string

const (
	// FsyncAlways: before the PubAck, on every peer of the stream.
	FsyncAlways Fsync = "always"
	// FsyncInterval: some time after the PubAck. A power cut loses what was
	// acknowledged since.
	FsyncInterval Fsync = "interval"
	// FsyncNever: the stream is in memory.
	FsyncNever Fsync = "never"
	// FsyncUnknown: a peer did not say. Treat it as FsyncInterval.
	FsyncUnknown Fsync = "unknown"
)

// Durability is what a PubAck of a stream is worth, by the broker's own account.
type Durability struct {
	Replicas int    // copies, as configured
	Storage  string // "file" or "memory"
	Fsync    Fsync  // the weakest peer decides; one unknown peer makes it unknown
	// SyncInterval is the longest interval of the peers that told theirs.
	SyncInterval time.Duration
	Peers        []string // servers that hold the stream, by name, sorted
	Unknown      []string // those of them whose setting nobody told, sorted
	Problems     []string // why, one line each, for an operator
}

// DurabilityOf asks the broker how a stream is stored, and each monitoring endpoint
// when its server syncs. monitorURLs are roots (http://nats-1:8222), in any order;
// servers that do not hold the stream do not count. client may be nil. It is an
// answer for now: ask again after a reconnect, for streams move.
//
// An error means that the stream's own information could not be read. Endpoints
// that fail are no error: they make the answer FsyncUnknown.
func DurabilityOf(ctx context.Context, js jetstream.JetStream, stream string, monitorURLs []string, client *http.Client) (Durability, error) {
	ctx, cancel := context.WithTimeout(ctx, preflightWithin)
	defer cancel()
	s, err := js.Stream(ctx, stream)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return Durability{}, fmt.Errorf("%w: %s: run %s", ErrStreamMissing, stream, mend)
	}
	if err != nil {
		return Durability{}, fmt.Errorf("look up stream %s: %w", stream, err)
	}
	info := s.CachedInfo()
	answers := askAll(ctx, monitorURLs, client, hosted(info))
	d := Durability{
		Replicas: info.Config.Replicas,
		Storage:  storageName(info.Config.Storage),
		Peers:    peers(info, js.Conn().ConnectedServerName()),
	}
	d.judge(info, answers)
	return d, nil
}

// preflightWithin bounds the whole question. Readiness waits for it.
const preflightWithin = 10 * time.Second

// peers names the servers that must have synced before an append is safe.
func peers(info *jetstream.StreamInfo, connected string) []string {
	if info.Cluster == nil || info.Cluster.Name == "" {
		return []string{connected}
	}
	var names []string
	if info.Cluster.Leader != "" {
		names = append(names, info.Cluster.Leader)
	}
	for _, r := range info.Cluster.Replicas {
		names = append(names, r.Name)
	}
	slices.Sort(names)
	return names
}

// judge fills in what the answers say about the peers.
func (d *Durability) judge(info *jetstream.StreamInfo, answers []answer) {
	told := map[string]syncSetting{}
	for _, a := range answers {
		if a.err != nil {
			d.Problems = append(d.Problems, a.err.Error())
			continue
		}
		told[a.sync.server] = weaker(told[a.sync.server], a.sync)
	}
	always := true
	for _, peer := range d.Peers {
		sync, ok := told[peer]
		if !ok {
			d.Unknown = append(d.Unknown, peer)
			continue
		}
		always = always && sync.always
		d.SyncInterval = max(d.SyncInterval, sync.interval)
	}
	if missing := d.Replicas - len(d.Peers); missing > 0 {
		d.Problems = append(d.Problems, fmt.Sprintf("stream %s: %d of %d peers unknown (no leader?)", info.Config.Name, missing, d.Replicas))
	}
	d.Fsync = d.verdict(always, info.Config.PersistMode)
}

func (d *Durability) verdict(always bool, mode jetstream.PersistModeType) Fsync {
	switch {
	case d.Storage != "file":
		return FsyncNever
	case mode == jetstream.AsyncPersistMode:
		// The stream overrides sync_interval: always of its server (stream.go of
		// nats-server 2.15.2).
		return FsyncInterval
	case len(d.Unknown) > 0 || len(d.Peers) < d.Replicas || len(d.Peers) == 0:
		return FsyncUnknown
	case always:
		return FsyncAlways
	default:
		return FsyncInterval
	}
}

func storageName(s jetstream.StorageType) string {
	if s == jetstream.FileStorage {
		return "file"
	}
	return "memory"
}
