package clerkapi

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// DefaultURL is Clerk's own.
const DefaultURL = "https://api.clerk.com"

// DefaultVersion is the version of the API that this package is written for. Clerk keeps old versions; without the header it would be the instance's own.
const DefaultVersion = "2026-05-12"

const (
	pageSize = 500 // the largest that Clerk has; a larger one is silently answered with 10
	overlap  = 10  // objects that an offset page has in common with the one before
	ahead    = 8   // offset pages asked for at a time
)

// Config is what a Client needs. SecretKey and Budget must be set.
type Config struct {
	// URL of the Backend API, with or without /v1. Default DefaultURL.
	URL string
	// SecretKey of one instance. It is in no error, log, metric or printed value of this package.
	SecretKey string
	// Budget is shared by all who use the key.
	Budget *Budget
	// Version is sent as Clerk-API-Version. Default DefaultVersion.
	Version string
	// HTTP has its redirects turned off, in a copy. Default: a client of its own, which Close closes.
	HTTP *http.Client
	// Timeout of one attempt, body included. Default 30 s.
	Timeout time.Duration
	// Now is the clock of ObservedAt, as long as the Date of Clerk's answers does not disprove it. Default time.Now.
	Now func() time.Time
	// Log hears of attempts that are repeated. Default slog.DiscardHandler.
	Log *slog.Logger
	// Metrics may be nil.
	Metrics prometheus.Registerer
}

// String keeps the key out of what is printed.
func (c Config) String() string { return "clerkapi.Config{" + c.URL + "}" }

// GoString is String.
func (c Config) GoString() string { return c.String() }

// LogValue is String.
func (c Config) LogValue() slog.Value { return slog.StringValue(c.String()) }

// Client reads one instance. All methods are safe for concurrent use.
type Client struct {
	base      string
	version   string
	authorize func(*http.Request) // holds the key: what prints a Client prints an address
	http      *http.Client
	close     func()
	budget    *Budget
	timeout   time.Duration
	now       func() time.Time
	log       *slog.Logger
	metrics   *metrics
	limits    limits
}

// limits are constants but for tests.
type limits struct {
	page, overlap, ahead int
	answer               int64 // bytes
	firstWait, maxWait   time.Duration
	shapeTries           int
}

// New checks the configuration and asks nothing yet.
func New(cfg Config) (*Client, error) {
	base, err := baseOf(cfg.URL)
	if err != nil {
		return nil, err
	}
	if err := checkKey(cfg.SecretKey); err != nil {
		return nil, err
	}
	if cfg.Budget == nil {
		return nil, errors.New("no budget of requests")
	}
	if cfg.Version == "" {
		cfg.Version = DefaultVersion
	}
	if cfg.Timeout <= 0 {
		cfg.Timeout = 30 * time.Second
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	m, err := newMetrics(cfg.Metrics, cfg.Budget)
	if err != nil {
		return nil, err
	}
	bearer := "Bearer " + cfg.SecretKey
	client, closeIdle := httpClient(cfg.HTTP)
	return &Client{
		base: base, version: cfg.Version, http: client, close: closeIdle, budget: cfg.Budget, timeout: cfg.Timeout, now: cfg.Now, log: cfg.Log, metrics: m,
		authorize: func(r *http.Request) { r.Header.Set("Authorization", bearer) },
		limits: limits{
			page: pageSize, overlap: overlap, ahead: ahead, answer: 32 << 20,
			firstWait: 200 * time.Millisecond, maxWait: 20 * time.Second, shapeTries: 6,
		},
	}, nil
}

// Close lets go of idle connections, if they are the client's own. Calls under way go on.
func (c *Client) Close() { c.close() }

func baseOf(text string) (string, error) {
	if text == "" {
		text = DefaultURL
	}
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return "", errors.New("the URL of Clerk's API is none") // url's own error quotes it, and somebody may have put a key there
	case u.Scheme != "https" && u.Scheme != "http" || u.Host == "":
		return "", errors.New("the URL of Clerk's API must begin with https:// or http:// and name a host")
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return "", errors.New("the URL of Clerk's API must have no user, query or fragment")
	}
	return strings.TrimSuffix(strings.TrimRight(u.Scheme+"://"+u.Host+u.Path, "/"), "/v1") + "/v1/", nil
}

// checkKey refuses what net/http would refuse with every call, and the key that people take by mistake.
func checkKey(key string) error {
	switch {
	case key == "":
		return errors.New("no secret key")
	case strings.HasPrefix(key, "pk_"):
		return errors.New("the secret key is a publishable key (pk_…): take the one that begins with sk_")
	case strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' }):
		return errors.New("the secret key holds blanks, line ends or characters that no key has")
	}
	return nil
}

// httpClient never follows redirects: they would carry the key elsewhere, and no answer of the Backend API is one.
func httpClient(given *http.Client) (client *http.Client, closeIdle func()) {
	client = &http.Client{}
	closeIdle = func() {}
	if given != nil {
		*client = *given
	} else {
		t := http.DefaultTransport.(*http.Transport).Clone()
		t.MaxIdleConnsPerHost = 64 // a budget of 100 a second at a round trip of half a second
		client.Transport = t
		closeIdle = t.CloseIdleConnections
	}
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return client, closeIdle
}

// pathOf accepts paths of Clerk's and nothing that could leave /v1/ or add a query: ids come from tokens and requests.
func pathOf(path string) (string, error) {
	path = strings.TrimPrefix(strings.TrimPrefix(path, "/"), "v1/")
	for segment := range strings.SplitSeq(path, "/") {
		if !isID(segment) {
			return "", fmt.Errorf("a path with an id that no object has: %w", ErrNotFound)
		}
	}
	return path, nil
}

// isID is true for what ids, slugs and the words of paths are made of.
func isID(s string) bool {
	if s == "" || len(s) > 256 {
		return false
	}
	for _, c := range []byte(s) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '_', c == '-':
		default:
			return false
		}
	}
	return true
}
