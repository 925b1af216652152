package ingest

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"golang.org/x/time/rate"

	"github.com/clerkstream/clerkstream/events"
	"github.com/clerkstream/clerkstream/internal/appender"
)

const webhookPath = "/webhooks/clerk"

// handler answers deliveries. It is immutable but for its instances' states and its counters.
type handler struct {
	instances map[string]*instance
	only      *instance // of the path without a name; nil with several
	appender  *appender.Appender
	bodies    bodies
	metrics   *metrics
	now       func() time.Time
	log       *slog.Logger
	limit     int64
	keep      bool   // private_metadata
	suspect   func() // called when an append failed in a way that the stream's absence or change would explain

	// A flood of forgeries, or an outage, must not become a flood of lines: the metrics count every one.
	refusals, failures rate.Sometimes
}

// delivery is what is known of one request, for the log line.
type delivery struct {
	instance *instance
	id       string
	event    events.Event
	err      error
}

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/healthz" {
		healthz(w, r)
		return
	}
	start := time.Now()
	d := delivery{}
	o := h.deliver(&d, r)
	o.write(w)
	if d.instance == nil {
		h.metrics.nobody[o].Inc()
	} else {
		d.instance.metrics.outcome[o].Inc()
		h.metrics.requestSeconds.Observe(time.Since(start).Seconds())
	}
	h.report(r, &d, o)
}

func healthz(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Write([]byte("ok\n"))
}

func (h *handler) deliver(d *delivery, r *http.Request) (o outcome) {
	defer func() {
		// net/http would cut the connection and print the client's address.
		if p := recover(); p != nil {
			// The type only: the value may quote the body.
			h.log.ErrorContext(r.Context(), "panic in delivery", "event_id", d.id, "panic_type", fmt.Sprintf("%T", p), "stack", string(debug.Stack()))
			o = panicked
		}
	}()
	if d.instance, o = h.route(r.URL.Path); o != stored {
		return o
	}
	if r.Method != http.MethodPost {
		return methodNotAllowed
	}
	// Before the body is read: a sender without the three headers shall cost us nothing more.
	if d.id, o = deliveryID(r.Header); o != stored {
		return o
	}
	buf := h.bodies.get()
	o, settled := h.receive(d, r, buf)
	if settled {
		h.bodies.put(buf)
	}
	return o
}

// route finds the instance by hand instead of by http.ServeMux, which would answer a doubled slash with a redirect that Svix does not
// follow.
func (h *handler) route(path string) (*instance, outcome) {
	rest, ok := strings.CutPrefix(path, webhookPath)
	if !ok {
		return nil, notFound
	}
	name := strings.TrimPrefix(strings.TrimSuffix(rest, "/"), "/")
	switch {
	case name == "" && h.only != nil:
		return h.only, stored
	case name == "":
		return nil, instanceUnknown
	case rest[0] != '/':
		return nil, notFound
	}
	if in := h.instances[name]; in != nil {
		return in, stored
	}
	return nil, instanceUnknown
}

// receive reads, verifies and stores. settled says that nobody holds on to buf any more.
func (h *handler) receive(d *delivery, r *http.Request, buf *[]byte) (o outcome, settled bool) {
	in := d.instance
	if err := readBody(r, buf, h.limit); err != nil {
		d.err = err
		return bodyOutcome(err), true
	}
	index, o := in.verifier.verify(*buf, r.Header)
	if o != stored {
		return o, true
	}
	in.metrics.secret[index].Inc()
	h.metrics.bodyBytes.Observe(float64(len(*buf)))

	var clerkID string
	d.event, clerkID = events.New(events.Intake{
		ID: d.id, Instance: in.name, Source: events.SourceWebhook, Received: h.now(),
		TraceParent: traceParent(r.Header), KeepPrivateMetadata: h.keep,
	}, *buf)
	switch {
	case clerkID == "":
		in.metrics.noClerkID.Inc()
	case in.clerkID != "" && clerkID != in.clerkID:
		return wrongInstance, true
	}
	if in.unfit.Load() != nil {
		return notReady, true
	}
	return h.store(d)
}

func bodyOutcome(err error) outcome {
	switch {
	case errors.Is(err, errBodyTooLarge):
		return bodyTooLarge
	case errors.Is(err, errBodySlow):
		return bodyTimeout
	}
	// The client hung up in the middle, or broke the transfer's form. That is its trouble, not a failure of ours.
	return clientGone
}

func (h *handler) store(d *delivery) (o outcome, settled bool) {
	m := &d.instance.metrics
	start := time.Now()
	ack, err := h.appender.Append(d.instance.stream, &d.event)
	h.metrics.appendSeconds.Observe(time.Since(start).Seconds())
	if err != nil {
		d.err = err
		if o = outcomeOf(err); o == appendRefused || o == brokerUnavailable {
			h.suspect()
		}
		return o, false
	}
	// If we crash here, Svix hears nothing and sends again: a duplicate.
	m.last.Set(float64(start.UnixMilli()) / 1000)
	if ack.Known {
		return duplicate, true
	}
	if reason := d.event.Unrouted; reason != "" {
		m.unrouted[reason].Inc()
	}
	return stored, true
}

// report writes one line about a delivery: for debugging when it was stored, sampled when it was not.
func (h *handler) report(r *http.Request, d *delivery, o outcome) {
	level, sample := slog.LevelInfo, &h.refusals
	switch o {
	case stored, duplicate:
		level, sample = slog.LevelDebug, nil
	case notFound: // scanners of the internet
		level = slog.LevelDebug
	case bodyTooLarge, brokerUnavailable, ackLate, appendRefused, tooBusy, notReady:
		level, sample = slog.LevelWarn, &h.failures
	}
	switch {
	case !h.log.Enabled(r.Context(), level):
	case sample == nil:
		h.line(r, d, o, level)
	default:
		sample.Do(func() { h.line(r, d, o, level) })
	}
}

func (h *handler) line(r *http.Request, d *delivery, o outcome, level slog.Level) {
	h.log.LogAttrs(r.Context(), level, "delivery", d.attrs(o)...)
}

func (d *delivery) attrs(o outcome) []slog.Attr {
	attrs := []slog.Attr{slog.String("outcome", answers[o].code)}
	add := func(key, value string) {
		if value != "" {
			attrs = append(attrs, slog.String(key, value))
		}
	}
	if d.instance != nil {
		add("instance", d.instance.name)
	}
	// Before the signature is verified the id can be any text too.
	if events.IsToken(d.id) {
		add("event_id", d.id)
	}
	// An unrouted event's type can be any text.
	if add("unrouted", string(d.event.Unrouted)); d.event.Unrouted == "" {
		add("event_type", d.event.Type)
		add("entity_id", d.event.EntityID)
	}
	add("traceparent", d.event.TraceParent)
	if d.err != nil && o != clientGone && o != bodyTimeout { // those name the client's address
		add("error", d.err.Error())
	}
	return attrs
}
