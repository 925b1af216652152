package events_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/clerkstream/clerkstream/events"
)

// fataler is what the oracle needs of a test: it serves plain, fuzz and rapid ones.
type fataler interface{ Fatalf(string, ...any) }

// span is one value of a JSON text, found by encoding/json: the fuzz tests' own, independent reading.
type span struct {
	start, end int
	pointer    string
	// member says that name is the value's own; an element stands under the name of its array.
	member       bool
	parent, name string
	text         string // of a string
	null         bool
}

type spanner struct {
	tb    fataler
	body  []byte
	dec   *json.Decoder
	spans []span
}

// spansOf lists every value in body, outer ones first.
func spansOf(tb fataler, body []byte) []span {
	s := spanner{tb: tb, body: body, dec: json.NewDecoder(bytes.NewReader(body))}
	s.dec.UseNumber()
	s.value(span{})
	return s.spans
}

func (s *spanner) token() json.Token {
	token, err := s.dec.Token()
	if err != nil {
		s.tb.Fatalf("encoding/json at %d: %v", s.dec.InputOffset(), err)
	}
	return token
}

func (s *spanner) value(v span) {
	v.start = int(s.dec.InputOffset())
	for strings.IndexByte(" \t\r\n:,", s.body[v.start]) >= 0 {
		v.start++
	}
	i := len(s.spans)
	s.spans = append(s.spans, v)
	switch token := s.token().(type) {
	case json.Delim:
		for n := 0; s.dec.More(); n++ {
			if token == '[' {
				s.value(span{pointer: fmt.Sprintf("%s/%d", v.pointer, n), parent: v.parent, name: v.name})
				continue
			}
			name := s.token().(string)
			s.value(span{pointer: v.pointer + "/" + pointerToken.Replace(name), member: true, parent: v.name, name: name})
		}
		s.token()
	case string:
		s.spans[i].text = token
	case nil:
		s.spans[i].null = true
	}
	s.spans[i].end = int(s.dec.InputOffset())
}

var pointerToken = strings.NewReplacer("~", "~0", "/", "~1")

var (
	ticketLink = regexp.MustCompile(`(?is)^.*ticket[=%].*$`)
	slash      = regexp.MustCompile(`(?i)/|%2f`)
	tokenLink  = regexp.MustCompile(`(?is)^.*token[=%].*$`)
)

// isCredential is the design's rule in the words of the test.
func (s span) isCredential(object string, keepPrivate bool) bool {
	message := object == "" || object == "email" || object == "sms"
	invitation := object == "" || strings.Contains(object, "nvitation")
	if s.null {
		return false
	}
	if s.member {
		switch {
		case slices.Contains([]string{"otp_code", "backup_codes", "external_verification_redirect_url"}, s.name),
			s.name == "private_metadata" && !keepPrivate,
			s.name == "url" && (strings.Contains(s.parent, "nvitation") || invitation && s.parent == "data"),
			message && slices.Contains([]string{"subject", "body", "body_plain", "message", "action_url", "magic_link", "ticket", "token"}, s.name):
			return true
		}
	}
	return ticketLink.MatchString(s.text) && slash.MatchString(s.text) || message && tokenLink.MatchString(s.text)
}

// blankedByHand is what a valid body must become, and the pointers of what was blanked.
func blankedByHand(tb fataler, body []byte, object string, keepPrivate bool) ([]byte, []string) {
	var (
		out      []byte
		pointers []string
		from     int
	)
	for _, s := range spansOf(tb, body) {
		if s.start < from || !s.isCredential(object, keepPrivate) {
			continue
		}
		out = append(append(out, body[from:s.start]...), "null"...)
		pointers = append(pointers, s.pointer)
		from = s.end
	}
	return append(out, body[from:]...), pointers
}

// checkRedaction compares what New makes of body with what the oracle makes of it.
func checkRedaction(t fataler, body []byte, keepPrivate bool) {
	in := intake()
	in.KeepPrivateMetadata = keepPrivate
	e, _ := events.New(in, body)
	if valid := json.Valid(body); valid == (e.Unrouted == events.ReasonNotJSON) {
		t.Fatalf("encoding/json says valid %t, we say %q", valid, e.Unrouted)
	} else if !valid {
		return
	}
	want, pointers := blankedByHand(t, body, e.Object, keepPrivate)
	if !bytes.Equal(e.Body, want) {
		t.Fatalf("blanked to\n%q\nwant\n%q", e.Body, want)
	}
	if !json.Valid(e.Body) {
		t.Fatalf("no longer JSON: %q", e.Body)
	}
	for _, s := range spansOf(t, e.Body) {
		if s.isCredential(e.Object, keepPrivate) {
			t.Fatalf("%s is left in %q", s.pointer, e.Body)
		}
	}
	if n := len(e.Blanked) - 1; n >= 0 && e.Blanked[n] == events.MorePointers {
		e.Blanked, pointers = e.Blanked[:n], pointers[:min(n, len(pointers))]
	}
	if !slices.Equal(e.Blanked, pointers) {
		t.Fatalf("blanked %q, want %q", e.Blanked, pointers)
	}
}
