package events_test

import (
	"bytes"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	"pgregory.net/rapid"

	"github.com/clerkstream/clerkstream/events"
)

const traceParent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

// overTheWire writes a header as nats.go writes it and reads it back as nats.go reads it.
func overTheWire(tb interface{ Fatal(...any) }, h events.Header) map[string][]string {
	var b bytes.Buffer
	b.WriteString("NATS/1.0\r\n")
	if err := http.Header(h).Write(&b); err != nil {
		tb.Fatal(err)
	}
	b.WriteString("\r\n")
	read, err := nats.DecodeHeadersMsg(b.Bytes())
	if err != nil {
		tb.Fatal(err)
	}
	return read
}

func TestAnEventIsTheSameAfterTheStream(t *testing.T) {
	t.Parallel()
	for _, name := range sampleNames(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := intake()
			in.TraceParent, in.Source = traceParent, events.SourceReconcile
			want, _ := events.New(in, sample(t, name))
			got, err := events.FromMessage(want.Subject(), overTheWire(t, want.Header()), want.Body)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// TestAnyEventIsTheSameAfterTheStream puts what no sample has into the header: odd ids, types and names of blanked members.
func TestAnyEventIsTheSameAfterTheStream(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		in := intake()
		in.ID = rapid.StringN(1, -1, -1).Draw(t, "id")
		in.Received = time.UnixMicro(rapid.Int64Range(0, 1<<51).Draw(t, "received"))
		in.TraceParent = rapid.OneOf(rapid.String(), rapid.Just(traceParent)).Draw(t, "trace")
		body := fmt.Sprintf(`{"type":%s,"timestamp":%d,"data":{"id":%s,%s:{"otp_code":1}}}`,
			quoted(rapid.OneOf(rapid.String(), rapid.Just("user.updated"), rapid.Just("unrouted")).Draw(t, "type")),
			rapid.Int64().Draw(t, "timestamp"),
			quoted(rapid.OneOf(rapid.String(), rapid.Just("user_1")).Draw(t, "entity")),
			quoted(rapid.String().Draw(t, "name")))
		want, _ := events.New(in, []byte(body))
		got, err := events.FromMessage(want.Subject(), overTheWire(t, want.Header()), want.Body)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("(-want +got)\n%s", diff)
		}
	})
}

func TestHeaderOfAnOrdinaryEvent(t *testing.T) {
	t.Parallel()
	in := intake()
	in.TraceParent = traceParent
	e, instance := events.New(in, sample(t, "user.created"))
	want := events.Header{
		"Nats-Msg-Id":              {"prod:msg_sample"},
		"content-type":             {"application/json"},
		"ce-specversion":           {"1.0"},
		"ce-id":                    {"msg_sample"},
		"ce-source":                {"/clerk/prod"},
		"ce-type":                  {"user.created"},
		"ce-time":                  {"2026-09-01T10:00:00.185Z"},
		"ce-subject":               {"user_3BNOdC6diU0mj4ZzRupOdo04Sis"},
		"traceparent":              {traceParent},
		"Clerkstream-Source":       {"webhook"},
		"Clerkstream-Received":     {"2026-09-03T10:00:00.000Z"},
		"Clerkstream-Version":      {"0000.0.001788256800160.001788256800185.01.msg_sample"},
		"Clerkstream-Version-Rule": {"1"},
		"Clerkstream-Blanked":      {"/data/private_metadata"},
	}
	if diff := cmp.Diff(want, e.Header()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if instance != "ins_3BpT1rWkhYJIcKoBrPLH6NLsGbR" {
		t.Errorf("instance id %q", instance)
	}
	if _, instance := events.New(in, sample(t, "user.created.no-instance-id")); instance != "" {
		t.Errorf("a body without instance_id gave %q", instance)
	}
}

func TestHeaderOfAnUnroutedEvent(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]events.Header{
		"envelope.not-json":    {"ce-type": {"unrouted"}, "content-type": {"application/octet-stream"}, "Clerkstream-Unrouted": {"not_json"}},
		"envelope.id-with-dot": {"ce-type": {"user.updated"}, "content-type": {"application/json"}, "Clerkstream-Unrouted": {"id_form"}},
	} {
		e := take(t, name)
		h := e.Header()
		for key := range want {
			if !slices.Equal(h[key], want[key]) {
				t.Errorf("%s: %s is %q, want %q", name, key, h[key], want[key])
			}
		}
		for _, key := range []string{"ce-subject", "Clerkstream-Version", "Clerkstream-Version-Rule"} {
			if _, ok := h[key]; ok {
				t.Errorf("%s: has %s", name, key)
			}
		}
	}
}

// TestOnlyMessagesExpire: they hold addresses and their ids never come again, with or without an id; everything else stays.
func TestOnlyMessagesExpire(t *testing.T) {
	t.Parallel()
	for _, name := range sampleNames(t) {
		e := take(t, name)
		ttl := e.Header().Get(events.HeaderTTL)
		message := strings.HasPrefix(name, "email.") || strings.HasPrefix(name, "sms.")
		if d, _ := time.ParseDuration(ttl); message && d != 30*24*time.Hour || !message && ttl != "" {
			t.Errorf("%s: TTL %q", name, ttl)
		}
	}
}

func TestHeaderStaysWithinItsBound(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("\x01é", 1<<19)
	in := intake()
	in.ID, in.Instance, in.TraceParent = long, strings.Repeat("i", 255), long
	for name, body := range map[string]string{
		"type":              `{"type":` + quoted(long) + `,"data":{"id":"user_1"}}`,
		"routed":            `{"type":"` + strings.Repeat("o", 255) + "." + strings.Repeat("v", 255) + `","data":{"id":"` + strings.Repeat("x", 255) + `"}}`,
		"many credentials":  `{"type":"user.updated","data":{"id":"user_1","list":[` + strings.Repeat(`{"otp_code":1},`, 1<<16) + `0]}}`,
		"a long name":       `{"type":"user.updated","data":{"id":"user_1",` + quoted(long) + `:{"otp_code":1}}}`,
		"deep credentials":  strings.Repeat(`{"aaaaaaaaaaaaaaaaaaaaaaaa":{"otp_code":1},"b":`, 4000) + `1` + strings.Repeat(`}`, 4000),
		"commas and quotes": `{"type":"user.updated","data":{"id":"user_1","a":[` + strings.Repeat(`{",,,,\"\"\"\"%%%%":{"otp_code":1}},`, 300) + `0]}}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e, _ := events.New(in, []byte(body))
			size := 0
			for key, values := range e.Header() {
				size += len(key) + len(": ") + len(values[0]) + len("\r\n")
			}
			if size > events.MaxHeaderBytes {
				t.Errorf("%d bytes, bound %d", size, events.MaxHeaderBytes)
			}
			if len(e.Blanked) > 1 && e.Blanked[len(e.Blanked)-1] != events.MorePointers {
				t.Errorf("the list of %d pointers was cut without saying so", len(e.Blanked))
			}
			// Not cmp.Diff: on a body of megabytes it takes seconds.
			if got, err := events.FromMessage(e.Subject(), overTheWire(t, e.Header()), e.Body); err != nil || !reflect.DeepEqual(e, got) {
				t.Errorf("not the same after the stream (%v)", err)
			}
		})
	}
}

// TestASteadyIDIsStable: what is too long or not storable is hashed, and the same id gives the same event, or a retry would be a new one.
func TestASteadyIDIsStable(t *testing.T) {
	t.Parallel()
	id := func(id string) string {
		in := intake()
		in.ID = id
		e, _ := events.New(in, []byte(`{}`))
		return e.ID
	}
	for _, plain := range []string{"msg_1", "msg with space", `msg%22"é`, strings.Repeat("x", 255)} {
		if got := id(plain); got != plain {
			t.Errorf("%q became %q", plain, got)
		}
	}
	for _, odd := range []string{strings.Repeat("x", 256), "msg\x00", "msg\n", "msg\xff"} {
		if got := id(odd); !strings.HasPrefix(got, "sha256-") || len(got) != 71 || got != id(odd) || got == id(odd+"x") {
			t.Errorf("%q became %q", odd, got)
		}
	}
}

func TestATraceOfAnotherFormIsIgnored(t *testing.T) {
	t.Parallel()
	for _, odd := range []string{"", "00", traceParent + "0", strings.Replace(traceParent, "-", "0", 1), strings.Replace(traceParent, "f", "g", 1)} {
		in := intake()
		in.TraceParent = odd
		if e, _ := events.New(in, []byte(`{}`)); e.TraceParent != "" || e.Header().Get(events.HeaderTraceParent) != "" {
			t.Errorf("%q was taken", odd)
		}
	}
}

func quoted(s string) string {
	b := []byte{'"'}
	for _, r := range strings.ToValidUTF8(s, "?") {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r < ' ':
			b = fmt.Appendf(b, `\u%04x`, r)
		default:
			b = append(b, string(r)...)
		}
	}
	return string(append(b, '"'))
}
