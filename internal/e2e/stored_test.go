package e2e

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go/jetstream"
)

const traceParent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

// unrouted are the samples without an entity, by the reason that the stream tells.
var unrouted = byName(map[string]string{
	"not_json":   "envelope.byte-order-mark envelope.empty envelope.not-json envelope.too-deep envelope.trailing-text envelope.truncated envelope.two-texts",
	"not_object": "envelope.array envelope.null envelope.number envelope.string",
	"no_type":    "envelope.empty-object envelope.type-missing envelope.type-number",
	"type_form":  "envelope.type-one-part envelope.type-three-parts envelope.type-unrouted envelope.type-wildcard",
	"no_id":      "email.created.no-id envelope.data-array envelope.data-null envelope.id-empty envelope.id-number user.deleted.no-id",
	"id_form":    "envelope.id-not-ascii envelope.id-wildcard envelope.id-with-dot envelope.id-with-space user.created.long-id user.created.schema-dummy",
})

func byName(reasons map[string]string) map[string]string {
	turned := map[string]string{}
	for reason, names := range reasons {
		for name := range strings.FieldsSeq(names) {
			turned[name] = reason
		}
	}
	return turned
}

// credential is how the samples spell what must never reach the stream.
var credential = regexp.MustCompile(`EXAMPLE[-.](SECR|CODE|STATE|TICKET|TOKEN)|000000 is|"000000"|a1b2-c3d4|risk_score|salary_band`)

// expectStored compares a message with what its sample must have become: address, every header, and each byte of the body.
func (p *pipeline) expectStored(t *testing.T, s sample, m *jetstream.RawStreamMsg) {
	t.Helper()
	var body struct {
		Type      any `json:"type"`
		Timestamp any `json:"timestamp"`
		Data      any `json:"data"`
	}
	// Lenient where the samples are odd: what cannot be read has no type, time or id.
	_ = json.Unmarshal(s.body, &body)
	typ, _ := body.Type.(string)
	data, _ := body.Data.(map[string]any)
	entity, _ := data["id"].(string)
	reason := unrouted[s.name]

	subject := "clerk." + p.Instance + ".unrouted." + fmt.Sprintf("%x", sha256.Sum256([]byte(s.id())))
	if reason == "" {
		object, verb, _ := strings.Cut(typ, ".")
		subject = strings.Join([]string{"clerk", p.Instance, object, entity, verb}, ".")
	}
	if m.Subject != subject {
		t.Errorf("%s lies on %s, want %s", s.name, m.Subject, subject)
	}
	have := map[string]string{}
	for name, values := range m.Header {
		have[name] = strings.Join(values, "|")
	}
	for _, name := range []string{"Nats-Stream", "Nats-Subject", "Nats-Sequence", "Nats-Time-Stamp"} {
		delete(have, name) // what the broker says about the message when it is asked for it
	}
	want := p.headers(s, typ, entity, reason)
	if at := clock(body.Timestamp); at != "" {
		want["ce-time"] = at
	}
	// Their values are the subject of other tests; here it counts that they are there when they should be.
	for _, name := range []string{"Clerkstream-Version", "Clerkstream-Blanked"} {
		if value, there := have[name]; there {
			want[name] = value
		}
	}
	if diff := cmp.Diff(want, have); diff != "" {
		t.Errorf("%s has other headers (-want +have):\n%s", s.name, diff)
	}
	if (have["Clerkstream-Version"] == "") != (reason != "") {
		t.Errorf("%s has the version %q", s.name, have["Clerkstream-Version"])
	}
	kept := s.body
	if listed, blanked := have["Clerkstream-Blanked"]; blanked && reason == "not_json" {
		kept = tail(s.body, m.Data)
	} else if blanked {
		kept = splice(t, s.body, strings.Split(listed, ","))
	}
	if !bytes.Equal(m.Data, kept) {
		t.Errorf("%s has the body\n%s\nwant\n%s", s.name, m.Data, kept)
	}
	if leak := credential.Find(m.Data); leak != nil {
		t.Errorf("%s holds %s", s.name, leak)
	}
}

func (p *pipeline) headers(s sample, typ, entity, reason string) map[string]string {
	h := map[string]string{
		"Nats-Msg-Id": p.Instance + ":" + s.id(), "Nats-Expected-Stream": p.Stream.CachedInfo().Config.Name,
		"ce-specversion": "1.0", "ce-id": s.id(), "ce-source": "/clerk/" + p.Instance, "ce-type": typ, "content-type": "application/json",
		"traceparent": traceParent, "Clerkstream-Source": "webhook", "Clerkstream-Received": s.received.Format("2006-01-02T15:04:05.000Z07:00"),
	}
	if reason != "" {
		h["Clerkstream-Unrouted"] = reason
	} else {
		h["ce-subject"], h["Clerkstream-Version-Rule"] = entity, "1"
	}
	if typ == "" {
		h["ce-type"] = "unrouted"
	}
	if reason == "not_json" {
		h["content-type"] = "application/octet-stream"
	}
	if strings.HasPrefix(typ, "email.") || strings.HasPrefix(typ, "sms.") {
		h["Nats-TTL"] = "720h0m0s"
	}
	return h
}

// clock is an envelope's timestamp as ce-time tells it.
func clock(timestamp any) string {
	ms, err := strconv.ParseFloat(fmt.Sprint(timestamp), 64)
	if err != nil {
		return ""
	}
	if ms < 1e12 {
		ms *= 1000
	}
	return time.UnixMilli(int64(ms)).UTC().Format("2006-01-02T15:04:05.000Z07:00")
}

// splice blanks the values that the header lists, by a walk of its own over the body. All other bytes are those that were signed.
func splice(t *testing.T, body []byte, pointers []string) []byte {
	t.Helper()
	s := splicer{t: t, body: body, pointers: pointers, dec: json.NewDecoder(bytes.NewReader(body))}
	s.dec.UseNumber()
	s.value("")
	if s.blanked < len(pointers) {
		t.Errorf("%d values stand where %q points", s.blanked, pointers)
	}
	return append(s.out, body[s.from:]...)
}

type splicer struct {
	t             *testing.T
	body          []byte
	pointers      []string
	dec           *json.Decoder
	out           []byte
	from, blanked int
}

func (s *splicer) value(pointer string) {
	start := int(s.dec.InputOffset())
	start += len(s.body[start:]) - len(bytes.TrimLeft(s.body[start:], " \t\r\n:,"))
	if bracket, is := s.token().(json.Delim); is {
		for i := 0; s.dec.More(); i++ {
			name := strconv.Itoa(i)
			if bracket == '{' {
				name, _ = s.token().(string)
			}
			s.value(pointer + "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(name))
		}
		s.token()
	}
	if slices.Contains(s.pointers, pointer) {
		s.out = append(append(s.out, s.body[s.from:start]...), "null"...)
		s.from = int(s.dec.InputOffset())
		s.blanked++
	}
}

func (s *splicer) token() json.Token {
	token, err := s.dec.Token()
	if err != nil {
		s.t.Fatal(err)
	}
	return token
}

// tail is a body that is no JSON from the first trace of a credential on blanked: it has no values to point to.
func tail(body, stored []byte) []byte {
	return append(slices.Clone(body[:max(0, min(len(body), len(stored)-len("null")))]), "null"...)
}
