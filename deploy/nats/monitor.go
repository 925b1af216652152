package broker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

const (
	// askWithin bounds one request to a monitoring endpoint, all of which are
	// asked at once.
	askWithin = 3 * time.Second
	// answerLimit in bytes: /varz is 5 kB, /jsz grows with the number of streams.
	answerLimit = 16 << 20
)

// syncSetting is when a server syncs.
type syncSetting struct {
	server   string
	always   bool
	interval time.Duration
}

// answer is what one monitoring URL told.
type answer struct {
	sync syncSetting
	err  error
}

// varz is the part of /varz that matters: the fields of server.Varz and
// server.JetStreamConfig in nats-server 2.15.2. sync_always is left out when
// false, so only a present interval tells "no" from "too old to say".
type varz struct {
	ServerName string `json:"server_name"`
	JetStream  struct {
		Config *struct {
			SyncInterval time.Duration `json:"sync_interval"`
			SyncAlways   bool          `json:"sync_always"`
		} `json:"config"`
	} `json:"jetstream"`
}

// jsz is the part of /jsz?streams=true that shows which streams a server holds.
type jsz struct {
	Accounts []struct {
		Streams []struct {
			Name    string    `json:"name"`
			Created time.Time `json:"created"`
		} `json:"stream_detail"`
	} `json:"account_details"`
}

// proof makes sure that a server is one that holds the stream, where its name
// alone does not tell.
type proof func(ctx context.Context, m monitor) error

// hosted asks a server that is not clustered for the stream itself: a client may
// be connected to a leaf node, whose own disk says nothing about the stream. In a
// cluster the stream's information names its peers, and names are unique there.
func hosted(info *jetstream.StreamInfo) proof {
	if info.Cluster != nil && info.Cluster.Name != "" {
		return func(context.Context, monitor) error { return nil }
	}
	return func(ctx context.Context, m monitor) error {
		var all jsz
		if err := m.get(ctx, "jsz", url.Values{"streams": {"true"}}, &all); err != nil {
			return err
		}
		for _, account := range all.Accounts {
			for _, s := range account.Streams {
				if s.Name == info.Config.Name && s.Created.Equal(info.Created) {
					return nil
				}
			}
		}
		return fmt.Errorf("monitor %s: server does not hold stream %s", m.root.Redacted(), info.Config.Name)
	}
}

// askAll asks each endpoint once and waits for all; answers keep the order.
func askAll(ctx context.Context, urls []string, client *http.Client, proved proof) []answer {
	if client == nil {
		// Nothing is kept open between two questions that are minutes apart.
		client = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	}
	answers := make([]answer, len(urls))
	var wg sync.WaitGroup
	for i, raw := range urls {
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, askWithin)
			defer cancel()
			answers[i].sync, answers[i].err = ask(ctx, raw, client, proved)
		})
	}
	wg.Wait()
	return answers
}

func ask(ctx context.Context, raw string, client *http.Client, proved proof) (syncSetting, error) {
	root, err := url.Parse(raw)
	if err != nil || root.Host == "" {
		return syncSetting{}, errors.New("monitor: not an http URL")
	}
	m := monitor{root: root, client: client}
	var v varz
	if err := m.get(ctx, "varz", nil, &v); err != nil {
		return syncSetting{}, err
	}
	cfg := v.JetStream.Config
	if v.ServerName == "" || cfg == nil || (!cfg.SyncAlways && cfg.SyncInterval <= 0) {
		return syncSetting{}, fmt.Errorf("monitor %s: server does not say when it syncs", root.Redacted())
	}
	if err := proved(ctx, m); err != nil {
		return syncSetting{}, err
	}
	return syncSetting{server: v.ServerName, always: cfg.SyncAlways, interval: cfg.SyncInterval}, nil
}

// monitor is one server's monitoring port.
type monitor struct {
	root   *url.URL
	client *http.Client
}

func (m monitor) get(ctx context.Context, path string, query url.Values, into any) error {
	at := m.root.JoinPath(path)
	at.RawQuery = query.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at.String(), nil)
	if err != nil {
		return fmt.Errorf("monitor %s: %w", m.root.Redacted(), err)
	}
	resp, err := m.client.Do(req)
	if err != nil {
		return fmt.Errorf("monitor %s: %w", m.root.Redacted(), err) // a url.Error hides the password too
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("monitor %s: /%s answers %s", m.root.Redacted(), path, resp.Status)
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, answerLimit)).Decode(into); err != nil {
		return fmt.Errorf("monitor %s: decode /%s: %w", m.root.Redacted(), path, err)
	}
	return nil
}

// weaker keeps the worse of two answers for one name: two servers that share a
// name cannot be told apart.
func weaker(known, next syncSetting) syncSetting {
	if known.server == "" {
		return next
	}
	known.always = known.always && next.always
	known.interval = max(known.interval, next.interval)
	return known
}
